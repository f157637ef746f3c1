-- Wireshark's dissector of the telegrams of ../SPEC.md. README.md beside it says how to install and use it.
--
-- No bit operators, integer division or libraries: Lua 5.2 (Wireshark 4.0) and 5.4 (4.4) differ there.

local renraku = Proto("renraku", "renraku telegram")

-- Section 2 and 3: the types, and the fields of each in the order of the wire. ----------------------------------------

local HEADER, TYPE_AT = 68, 64

local CONTROLS = { -- bit, name, type
  { 0x0001, "CHECK", "SQ" }, { 0x0002, "START", "SQ" }, { 0x0004, "END", "SQ" },
  { 0x0010, "RUNNING", "SR" }, { 0x0020, "STOPPED", "SR" },
  { 0x0100, "LAUNCH", "XQ" }, { 0x0200, "TAKEN", "XQ" },
  { 0x0800, "ENDED", "XR" }, { 0x1000, "LAUNCHED", "XR" }, { 0x2000, "FAILED", "XR" },
  { 0x4000, "ALREADY", "XR" }, { 0x8000, "REFUSED", "XR" },
}
local NOBODYS = { 0x0008, 0x0040, 0x0080, 0x0400 }

local HOST = { name = "host", length = 64 }
local TYPE = { name = "type", length = 2 }
local CONTROL = { name = "control", length = 2 }
local PROCESS = { name = "process", length = 16 }
local APPLICATION = { name = "application", length = 24, may_be_empty = true }
local TEXT = { name = "text", length = 104 }

local TYPES = {
  SQ = { title = "status inquiry", fields = { HOST, TYPE, CONTROL } },
  SR = { title = "status response", fields = { HOST, TYPE, CONTROL, APPLICATION, TEXT } },
  XQ = { title = "execution order", fields = { HOST, TYPE, CONTROL, PROCESS } },
  XR = { title = "execution response", fields = { HOST, TYPE, CONTROL, PROCESS, APPLICATION, TEXT } },
}
-- Section 12.1: the trailer of a sealed one. Only these two types have it, and only by UDP.
local TRAILER, SEALED = 48, { SQ = 0, SR = 1 } -- the bit of the direction in which the type goes
local TRAILER_FIELDS = {
  { name = "magic", length = 4 }, { name = "algorithm", length = 1 }, { name = "flags", length = 1 }, { name = "key_id", length = 2 },
  { name = "session", length = 8 }, { name = "sequence", length = 8 }, { name = "epoch", length = 8 }, { name = "mac", length = 16 },
}
local ALGORITHM_AT, FLAGS_AT, SESSION_AT, EPOCH_AT = 4, 5, 8, 24

local UNKNOWN = { fields = { HOST, TYPE, CONTROL } } -- what can be shown where the type is not known

for name, t in pairs(TYPES) do
  t.length, t.controls = 0, {}
  for _, field in ipairs(t.fields) do t.length = t.length + field.length end
  for _, c in ipairs(CONTROLS) do
    if c[3] == name then t.controls[c[1]] = c[2] end
  end
end

-- What people see and filter. ------------------------------------------------------------------------------------------

local f = {
  host = ProtoField.string("renraku.host", "Host name"),
  type = ProtoField.string("renraku.type", "Telegram type"),
  control = ProtoField.uint16("renraku.control", "Control code", base.HEX),
  process = ProtoField.string("renraku.process", "Process ID"),
  application = ProtoField.string("renraku.application", "Application execution status"),
  text = ProtoField.string("renraku.text", "Text"),
  trailer = ProtoField.none("renraku.trailer", "Trailer"),
  magic = ProtoField.string("renraku.trailer.magic", "Magic"),
  algorithm = ProtoField.uint8("renraku.trailer.algorithm", "Algorithm"),
  flags = ProtoField.uint8("renraku.trailer.flags", "Flags", base.HEX),
  key_id = ProtoField.uint16("renraku.trailer.key_id", "Key ID"),
  session = ProtoField.uint64("renraku.trailer.session", "Session", base.HEX),
  sequence = ProtoField.uint64("renraku.trailer.sequence", "Sequence"),
  epoch = ProtoField.uint64("renraku.trailer.epoch", "Epoch"),
  mac = ProtoField.bytes("renraku.trailer.mac", "MAC"),
  rest = ProtoField.bytes("renraku.rest", "Bytes of no field"),
  error_field = ProtoField.string("renraku.error.field", "Wrong field"),
  error_kind = ProtoField.string("renraku.error.kind", "Kind of error"),
  error_offset = ProtoField.uint32("renraku.error.offset", "First bad byte"),
  response_to = ProtoField.framenum("renraku.response_to", "Answers", base.NONE, frametype.REQUEST),
  response_in = ProtoField.framenum("renraku.response_in", "Answered in", base.NONE, frametype.RESPONSE),
  time = ProtoField.relative_time("renraku.time", "Response time"),
  retry_of = ProtoField.framenum("renraku.retry_of", "Retry of the inquiry", base.NONE, frametype.RETRANS_PREV),
  repeat_of = ProtoField.framenum("renraku.repeat_of", "The same result as", base.NONE, frametype.RETRANS_PREV),
  unasked = ProtoField.bool("renraku.unasked", "Unasked"),
  delivery = ProtoField.bool("renraku.delivery", "Delivered to the manager's port"),
  skipped = ProtoField.uint32("renraku.skipped", "Bytes skipped"),
}
local bits = {}
for _, c in ipairs(CONTROLS) do
  bits[c[1]] = ProtoField.bool("renraku.control." .. c[2]:lower(), c[2], 16, nil, c[1])
end
for _, bit in ipairs(NOBODYS) do
  bits[bit] = ProtoField.bool(string.format("renraku.control.nobodys_%04x", bit), "nobody's", 16, nil, bit)
end

local all_fields = {}
for _, field in pairs(f) do table.insert(all_fields, field) end
for _, field in pairs(bits) do table.insert(all_fields, field) end
renraku.fields = all_fields

local function expert_of(name, text, group, severity)
  return ProtoExpert.new("renraku.expert." .. name, text, group, severity)
end

-- One for each kind of sections 4 and 12.3 but wrong-type, which is what one end takes, and those that need a key.
local KINDS = {
  ["length"] = "Wrong length",
  ["unknown-type"] = "Unknown telegram type",
  ["control"] = "Not exactly one bit of this type's own",
  ["empty"] = "Empty",
  ["byte"] = "Byte outside 0x21–0x7E",
  ["space"] = "Space before or inside a name",
  ["utf8"] = "No valid UTF-8",
  ["control-char"] = "Control character",
  ["magic"] = "Not HBA1",
  ["algorithm"] = "Not 1",
  ["flags"] = "A bit that is nobody's",
  ["direction"] = "Not the direction of this type",
}
local experts = {}
for kind, text in pairs(KINDS) do
  experts[kind] = expert_of(kind:gsub("-", "_"), text, expert.group.MALFORMED, expert.severity.ERROR)
end
local expert_cut = expert_of("cut", "Not all of the telegram is here", expert.group.UNDECODED, expert.severity.NOTE)
local expert_skipped = expert_of("skipped", "No telegram begins here", expert.group.UNDECODED, expert.severity.WARN)
local expert_carrier = expert_of("carrier", "Only TCP carries this type", expert.group.PROTOCOL, expert.severity.WARN)

local all_experts = { expert_cut, expert_skipped, expert_carrier }
for _, e in pairs(experts) do table.insert(all_experts, e) end
renraku.experts = all_experts

renraku.prefs.port = Pref.range("Ports", "10320", "UDP and TCP ports of managers and slaves, such as 10320,20000-20099", 65535)
renraku.prefs.wait = Pref.uint("Longest wait (ms)", 2000,
  "An inquiry by UDP without an answer is over after this time: neither a response nor a retry belongs to it any more. " ..
  "Above the response wait of the definition, below its interval")

-- Section 4: what is wrong with bytes. Offsets count from 0, Lua's from 1. ------------------------------------------------

local function name_error(bytes, field)
  local run = #bytes:match("^[!-~]*")
  for i = run + 1, #bytes do
    local c = bytes:byte(i)
    if c >= 0x21 and c <= 0x7E then return "space", run end
    if c ~= 0x20 then return "byte", i - 1 end
  end
  if run == 0 and not field.may_be_empty then return "empty", 0 end
end

-- character gives the length and the code point of the character at position i; nothing where there is no UTF-8.
local function character(bytes, i)
  local first = bytes:byte(i)
  if first < 0x80 then return 1, first end
  local length, code, least
  if first >= 0xC0 and first <= 0xDF then
    length, code, least = 2, first - 0xC0, 0x80
  elseif first >= 0xE0 and first <= 0xEF then
    length, code, least = 3, first - 0xE0, 0x800
  elseif first >= 0xF0 and first <= 0xF7 then
    length, code, least = 4, first - 0xF0, 0x10000
  else
    return
  end
  for k = i + 1, i + length - 1 do
    local c = bytes:byte(k)
    if not c or c < 0x80 or c > 0xBF then return end
    code = code * 64 + c - 0x80
  end
  if code < least or code > 0x10FFFF or code >= 0xD800 and code <= 0xDFFF then return end
  return length, code
end

local function text_error(bytes)
  local i = 1
  while i <= #bytes do
    local length, code = character(bytes, i)
    if not length then return "utf8", i - 1 end
    if code < 0x20 or code >= 0x7F and code <= 0x9F then return "control-char", i - 1 end
    i = i + length
  end
end

local function control_of(bytes) return bytes:byte(1) * 256 + bytes:byte(2) end

local function control_error(bytes, _, t)
  if not t.controls[control_of(bytes)] then return "control", 0 end
end

HOST.check, PROCESS.check, APPLICATION.check = name_error, name_error, name_error
CONTROL.check, TEXT.check = control_error, text_error

-- find_error gives field, kind and offset of the first check that fails. Of the length bytes the capture has only those in
-- bytes; what it lacks is not checked.
local function find_error(bytes, length)
  if length < HEADER then return "length", "length", length end
  if #bytes < TYPE_AT + TYPE.length then return end
  local t = TYPES[bytes:sub(TYPE_AT + 1, TYPE_AT + TYPE.length)]
  if not t then return "type", "unknown-type", TYPE_AT end
  if length ~= t.length then return "length", "length", math.min(length, t.length) end
  local at = 0
  for _, field in ipairs(t.fields) do
    local value = bytes:sub(at + 1, at + field.length)
    if #value < field.length then return end
    if field.check then
      local kind, offset = field.check(value, field, t)
      if kind then return field.name, kind, at + offset end
    end
    at = at + field.length
  end
end

-- trailer_error is the same for a trailer, whose field is the first result.
local function trailer_error(bytes, type_name)
  local algorithm, flags = bytes:byte(ALGORITHM_AT + 1), bytes:byte(FLAGS_AT + 1)
  if bytes:sub(1, 4) ~= "HBA1" then return "magic", "magic", 0 end
  if algorithm ~= 1 then return "algorithm", "algorithm", ALGORITHM_AT end
  if flags > 1 then return "flags", "flags", FLAGS_AT end
  if flags ~= SEALED[type_name] then return "flags", "direction", FLAGS_AT end
end

-- hexadecimal is bytes as a key can have them.
local function hexadecimal(bytes) return (bytes:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end

-- shown is a field's value without its padding; of bytes that are wrong in it, it shows the number.
local function shown(bytes)
  local out, i = {}, 1
  while i <= #bytes do
    local length, code = character(bytes, i)
    if length and code >= 0x20 and not (code >= 0x7F and code <= 0x9F) then
      table.insert(out, bytes:sub(i, i + length - 1))
    else
      length = length or 1
      table.insert(out, (bytes:sub(i, i + length - 1):gsub(".", function(c) return string.format("\\x%02X", c:byte()) end)))
    end
    i = i + length
  end
  return (table.concat(out):gsub(" +$", ""))
end

-- parse_trailer takes the trailer off a sealed telegram. What is wrong with it comes before what is wrong with the telegram.
local function parse_trailer(p, bytes, type_name)
  local n = p.length - TRAILER
  p.sealed, p.length, p.bytes = true, n, bytes:sub(1, n)
  if #bytes < n + TRAILER then return end
  local trailer = bytes:sub(n + 1)
  p.tag = hexadecimal(trailer:sub(SESSION_AT + 1, EPOCH_AT))
  p.error, p.kind, p.offset = trailer_error(trailer, type_name)
  if p.error then p.offset = n + p.offset end
end

-- parse gives a telegram as a table: the type's row of TYPES, the values by the field's name, and the error. Who knows no mode
-- can tell a sealed telegram by its length alone.
local function parse(bytes, length, tcp)
  local p = { bytes = bytes, length = length, values = {} }
  local type_name = bytes:sub(TYPE_AT + 1, TYPE_AT + TYPE.length)
  p.type = TYPES[type_name]
  p.cut = #bytes < length
  if not tcp and SEALED[type_name] and length == p.type.length + TRAILER then parse_trailer(p, bytes, type_name) end
  if not p.error then p.error, p.kind, p.offset = find_error(p.bytes, p.length) end
  p.cut = p.cut and not p.error
  local at = 0
  for _, field in ipairs((p.type or UNKNOWN).fields) do
    local value = bytes:sub(at + 1, at + field.length)
    if #value < field.length then break end
    p.values[field.name] = field == CONTROL and control_of(value) or shown(value)
    at = at + field.length
  end
  p.control = p.type and p.type.controls[p.values.control]
  return p
end

-- Which telegram answers which. Found out in the first pass, in which the frames come in order, and kept by frame. No field
-- of another dissector helps here: tshark -2 makes none in the first pass. ------------------------------------------------

local PT_TCP = 2

local frames -- by frame number: the records of its telegrams, in their order
local state  -- what the first pass knows at the frame where it is

function renraku.init()
  frames = {}
  state = {
    addresses = {}, numbers = {},
    inquiries = {}, -- without an answer: by UDP the last one, by TCP as many as are on their way
    orders = {},    -- the last LAUNCH of a connection, without its XR
    unknown = {},   -- every LAUNCH of two addresses without an XR
    results = {},   -- the last XR of two addresses since the last LAUNCH
    sealed = {},    -- every sealed inquiry, by its session and sequence as well
    untaken = {},   -- the last XR of a connection, without TAKEN
    lost = {},      -- directions of a connection in which nobody knows where the next telegram begins
  }
end

-- The text of an address may turn from numbers into a name when a name server answers, in the middle of a pass.
local function number_of(address)
  local text = tostring(address)
  if not state.numbers[text] then
    local number = #state.addresses + 1
    if not text:find("^[%d.]+$") and not text:find(":", 1, true) then
      for i, known in ipairs(state.addresses) do
        if known == address then number = i end
      end
    end
    state.addresses[number] = address
    state.numbers[text] = number
  end
  return state.numbers[text]
end

local function key(...) return table.concat({ ... }, " ") end -- no part of a key has a space

local function direction_of(pinfo)
  return key(number_of(pinfo.src), pinfo.src_port, number_of(pinfo.dst), pinfo.dst_port)
end

-- keys gives a key of what the two ends say on this connection about this host and process, and one of what they say on all.
-- By UDP the port that the slave answers from does not matter.
local function keys(p, pinfo, tcp)
  local manager, manager_port, slave, slave_port = pinfo.src, pinfo.src_port, pinfo.dst, pinfo.dst_port
  if p.values.type:sub(2) == "R" then manager, manager_port, slave, slave_port = slave, slave_port, manager, manager_port end
  local what = key(number_of(manager), number_of(slave), p.values.host, p.values.process or "")
  return key(tcp and "tcp" or "udp", manager_port, tcp and slave_port or "", what), what
end

local function answers(r, asked)
  r.response_to, r.time = asked, r.at - asked.at
  if not asked.response_in then asked.response_in = r end
end

local function is_over(asked, r) return r.at - asked.at > renraku.prefs.wait / 1000 end

local follow = {} -- by type: function(record, parsed telegram, the two keys, whether it is TCP)

function follow.SQ(r, p, here, _, tcp)
  local open = state.inquiries[here] or {}
  r.control = p.control
  if not tcp and open[1] then
    if open[1].control == r.control and not is_over(open[1], r) then r.retry_of = open[1].retry_of or open[1] end
    open = {}
  end
  table.insert(open, r)
  state.inquiries[here] = open
  if p.tag then state.sealed[key(here, p.tag)] = r end
end

-- A sealed response has the numbers of its inquiry, which is one of the round; each is answered once.
local function follow_sealed(r, p, here)
  local asked = state.sealed[key(here, p.tag)]
  if not asked or asked.response_in then
    r.unasked = true
    return
  end
  answers(r, asked)
  state.inquiries[here] = nil
end

function follow.SR(r, p, here)
  if p.tag then return follow_sealed(r, p, here) end
  local open = state.inquiries[here] or {}
  while open[1] and is_over(open[1], r) do table.remove(open, 1) end
  if not open[1] or p.control == "RUNNING" and open[1].control == "END" then
    r.unasked = true
  else
    answers(r, table.remove(open, 1))
  end
end

function follow.XQ(r, p, here, pair)
  if p.control == "LAUNCH" then
    state.orders[here], state.results[pair] = r, nil
    state.unknown[pair] = state.unknown[pair] or {}
    table.insert(state.unknown[pair], r)
  elseif state.untaken[here] then
    answers(r, state.untaken[here])
    state.untaken[here] = nil
  end
end

-- ENDED, and a text with the mark of section 6.6, answer no order.
local function answers_none(p)
  local mark = p.values.text:match(" %((%u+) [%d:.]+%)$")
  return p.control == "ENDED" or mark == "OPERATOR" or mark == "TIME" or mark == "MESSAGE"
end

-- The order of this connection, else the oldest that has no answer on its own.
local function answer_order(r, here, pair)
  local unknown = state.unknown[pair] or {}
  local asked = state.orders[here] or unknown[1]
  if not asked then return end
  if asked.response_in then -- by a result on another connection, which must have been that of something else
    asked.response_in.response_to, asked.response_in = nil, nil
  end
  answers(r, asked)
  state.orders[here] = nil
  for i, order in ipairs(unknown) do
    if order == asked then table.remove(unknown, i) break end
  end
end

function follow.XR(r, p, here, pair)
  local before = state.results[pair]
  r.bytes = p.bytes
  if before and before.bytes == r.bytes then
    r.repeat_of = before.repeat_of or before
    if before.response_to then answers(r, before.response_to) end
  elseif not answers_none(p) then
    answer_order(r, here, pair)
  end
  state.results[pair], state.untaken[here] = r, r
end

-- next_record gives the place in frames of the frame's next telegram. Each pass finds the same telegrams in a frame, in the
-- same order, though not in as many calls.
local function next_record(pinfo)
  local number = tonumber(pinfo.private.renraku or 0) + 1
  local all = frames[pinfo.number] or {}
  frames[pinfo.number] = all
  all[number] = all[number] or { frame = pinfo.number, at = pinfo.rel_ts }
  return all[number], number
end

-- What is shown of a telegram. ---------------------------------------------------------------------------------------------

local function or_dash(value) return value == "" and "-" or value end

local function summary(p)
  local v, name = p.values, p.type and p.values.type or "telegram"
  if p.error then return string.format("bad %s: %s, %s, offset %d", name, p.error, p.kind, p.offset) end
  local words = { name }
  if p.control then table.insert(words, p.control) end
  if v.host then table.insert(words, v.host) end
  if v.process then table.insert(words, v.process) end
  if v.application then table.insert(words, or_dash(v.application)) end
  if v.text and v.text ~= "" then table.insert(words, '"' .. v.text .. '"') end
  return table.concat(words, " ") .. (p.sealed and ", sealed" or "") .. (p.cut and ", cut" or "")
end

local function remarks(r)
  local words = {}
  local function add(format, ...) table.insert(words, ", " .. string.format(format, ...)) end
  if r.retry_of then add("retry of %d", r.retry_of.frame) end
  if r.delivery then add("delivery") end
  if r.repeat_of then add("the same as %d", r.repeat_of.frame) end
  if r.response_to then add("answers %d after %.3f ms", r.response_to.frame, r.time * 1000) end
  if r.unasked then add("unasked") end
  return table.concat(words)
end

local function add_info(pinfo, first, text)
  pinfo.cols.protocol:set("renraku")
  if first then pinfo.cols.info:set(text) else pinfo.cols.info:append("; " .. text) end
end

local function add_control(item, range, p)
  item:append_text(p.control and ", " .. p.control or "")
  for bit = 0, 15 do
    local mask = 2 ^ bit
    local set = p.values.control % (2 * mask) >= mask
    if set or p.type and p.type.controls[mask] then item:add(bits[mask], range) end
  end
end

-- add_trailer adds those of its fields that are here.
local function add_trailer(root, tvb, at, items)
  local here = math.min(TRAILER, tvb:captured_len() - at)
  if here <= 0 then return end
  local root = root:add(f.trailer, tvb:range(at, here))
  root:append_text(", MAC not checked")
  for _, field in ipairs(TRAILER_FIELDS) do
    here = here - field.length
    if here < 0 then return end
    items[field.name] = root:add(f[field.name], tvb:range(at, field.length))
    at = at + field.length
  end
end

local function add_fields(root, tvb, offset, p)
  local items, at = {}, 0
  for _, field in ipairs((p.type or UNKNOWN).fields) do
    local value = p.values[field.name]
    if not value then break end
    local range = tvb:range(offset + at, field.length)
    local item = root:add(f[field.name], range, value)
    items[field.name] = item
    if field == CONTROL then add_control(item, range, p) end
    if field == TYPE and p.type then item:append_text(", " .. p.type.title) end
    at = at + field.length
  end
  if p.sealed then add_trailer(root, tvb, offset + at, items) end
  if at < #p.bytes then root:add(f.rest, tvb:range(offset + at, #p.bytes - at)) end
  return items
end

local function add_error(item, p)
  item:add(f.error_field, p.error):set_generated()
  item:add(f.error_kind, p.kind):set_generated()
  item:add(f.error_offset, p.offset):set_generated()
  item:add_proto_expert_info(experts[p.kind], string.format("%s, offset %d", KINDS[p.kind], p.offset))
end

local function nstime(seconds)
  local nanoseconds = math.floor(seconds * 1e9 + 0.5)
  local whole = math.floor(nanoseconds / 1e9)
  return NSTime.new(whole, math.floor(nanoseconds - whole * 1e9))
end

local function add_record(root, r)
  if r.retry_of then root:add(f.retry_of, r.retry_of.frame):set_generated() end
  if r.delivery then root:add(f.delivery, true):set_generated() end
  if r.repeat_of then root:add(f.repeat_of, r.repeat_of.frame):set_generated() end
  if r.response_to then
    root:add(f.response_to, r.response_to.frame):set_generated()
    root:add(f.time, nstime(r.time)):set_generated()
  end
  if r.unasked then root:add(f.unasked, true):set_generated() end
  if r.response_in then root:add(f.response_in, r.response_in.frame):set_generated() end
end

-- A telegram of length bytes at offset; the capture, or the segment, may have fewer.
local function add_telegram(tvb, offset, length, pinfo, tree)
  local captured = math.min(length, tvb:captured_len() - offset)
  if captured <= 0 then return end
  local range, tcp = tvb:range(offset, captured), pinfo.port_type == PT_TCP
  local p = parse(range:raw(), length, tcp)
  local root = tree:add(renraku, range)
  root:append_text(", " .. summary(p))
  local items = add_fields(root, tvb, offset, p)
  if p.error then add_error(items[p.error] or root, p) end
  if p.cut then root:add_proto_expert_info(expert_cut, string.format("%d of %d bytes are here", captured, length)) end
  local misplaced = p.type and not tcp and p.values.type:sub(1, 1) == "X"
  if misplaced then items.type:add_proto_expert_info(expert_carrier) end
  if pinfo.in_error_pkt then return end -- quoted by ICMP: not sent here, nor what the frame is about

  local r, number = next_record(pinfo)
  pinfo.private.renraku = tostring(number)
  if not (pinfo.visited or p.error or p.cut or misplaced) then
    local here, pair = keys(p, pinfo, tcp)
    follow[p.values.type](r, p, here, pair, tcp)
    r.delivery = p.values.type == "XR" and pinfo.match == pinfo.dst_port and pinfo.match ~= pinfo.src_port
  end
  add_record(root, r)
  add_info(pinfo, number == 1, summary(p) .. remarks(r))
end

-- TCP. ---------------------------------------------------------------------------------------------------------------------

local function known_type(tvb, offset)
  if tvb:captured_len() - offset < TYPE_AT + TYPE.length then return end
  return TYPES[tvb:range(offset + TYPE_AT, TYPE.length):raw()]
end

-- skip says whether the bytes follow a telegram of unknown type, and no telegram begins with them. Each telegram is written
-- with one call, so that the next segment that has a type at its place is taken for the beginning of one.
local function skip(tvb, pinfo, tree, direction)
  local r, number = next_record(pinfo)
  if not pinfo.visited and state.lost[direction] then
    r.skipped = not known_type(tvb, 0)
    state.lost[direction] = r.skipped or nil
  end
  if not r.skipped then return false end
  pinfo.private.renraku = tostring(number)
  local root = tree:add(renraku, tvb:range(0))
  root:append_text(", no telegram begins here")
  root:add(f.skipped, tvb:reported_len()):set_generated()
  root:add_proto_expert_info(expert_skipped,
    "Skipped after a telegram of unknown type. Where segments came out of order, set tcp.reassemble_out_of_order")
  add_info(pinfo, number == 1, string.format("%d bytes skipped", tvb:reported_len()))
  return true
end

local function add_stream(tvb, pinfo, tree)
  local offset, total, direction = 0, tvb:reported_len(), direction_of(pinfo)
  if skip(tvb, pinfo, tree, direction) then return total end
  while offset < total do
    local left, t = total - offset, known_type(tvb, offset)
    local length = t and t.length or math.max(left, HEADER)
    if left < length and pinfo.can_desegment > 0 then
      pinfo.desegment_offset = offset
      pinfo.desegment_len = t and length - left or DESEGMENT_ONE_MORE_SEGMENT
      return total
    end
    add_telegram(tvb, offset, length, pinfo, tree)
    -- Too few bytes: the user has turned reassembly off, or the capture cut the segment.
    if not t or left < length then state.lost[direction] = true end
    offset = offset + length
  end
  return total
end

function renraku.dissector(tvb, pinfo, tree)
  if pinfo.port_type == PT_TCP and not pinfo.in_error_pkt then return add_stream(tvb, pinfo, tree) end
  add_telegram(tvb, 0, tvb:reported_len(), pinfo, tree)
  return tvb:reported_len()
end

-- The ports. ---------------------------------------------------------------------------------------------------------------

local tables, registered = { DissectorTable.get("udp.port"), DissectorTable.get("tcp.port") }, ""

local function register(ports)
  for _, table in ipairs(tables) do
    if registered ~= "" then table:remove(registered, renraku) end
    if ports ~= "" then table:add(ports, renraku) end
  end
  registered = ports
end

function renraku.prefs_changed()
  if renraku.prefs.port ~= registered then register(renraku.prefs.port) end
end

register(renraku.prefs.port)
