package slave

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"renraku/slave/slavetest"
	"renraku/telegram"
)

func TestAbnormalEndsAndFailedStartsAreFailed(t *testing.T) {
	dir := shortDir(t)
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644))
	cases := []struct {
		name    string
		process Process
		text    string
	}{
		{"exit status", Process{Command: sh("echo one; echo cannot open the database >&2; exit 3")}, `^exit status 3: cannot open the database$`},
		{"exit status without output", Process{Command: sh("exit 1")}, `^exit status 1$`},
		{"blank lines at the end", Process{Command: sh(`printf 'why\n\n  \n\t\n'; exit 1`)}, `^exit status 1: why$`},
		{"killed by a signal", Process{Command: sh("echo last words; kill -KILL $$")}, `^signal: killed: last words$`},
		{"timeout", Process{Command: []string{"/bin/sleep", "600"}, Timeout: 50 * time.Millisecond}, `^timed out after 50ms, signal: terminated$`},
		{"no such file", Process{Command: []string{dir + "/absent", "start"}}, `^cannot start ` + dir + `/absent: no such file or directory$`},
		{"not executable", Process{Command: []string{plain}}, `^cannot start ` + plain + `: permission denied$`},
		{"a directory", Process{Command: []string{dir}}, `^cannot start ` + dir + `: permission denied$`},
		{"no such directory", Process{Command: sh(""), Dir: dir + "/absent"}, `^cannot change to directory ` + dir + `/absent: no such file or directory$`},
		{"directory that is none", Process{Command: sh(""), Dir: plain}, `^cannot change to directory ` + plain + `: not a directory$`},
		{"no such user", Process{Command: sh(""), User: "no-such-user"}, `^cannot run as user "no-such-user": there is no such user$`},
	}
	for _, c := range cases {
		for _, failed := range []string{"", "BROKEN"} {
			t.Run(c.name+" "+failed, func(t *testing.T) {
				t.Parallel()
				p := c.process
				p.ID, p.Status, p.Failed = processID("P"), appStatus("ONLINE"), appStatus(failed)
				e := newExecutor(t, p)
				before := contents(t, e.path)
				for range 2 { // whatever failed may be tried again
					r := e.order("P")
					assert.Equal(t, Failed, r.Outcome)
					assert.Regexp(t, c.text, r.Text)
					if failed == "" {
						assert.Equal(t, NotStarted, r.Application)
						assert.Equal(t, before, contents(t, e.path))
					} else {
						assert.Equal(t, appStatus(failed), r.Application)
						assert.Equal(t, failed, e.stands())
					}
				}
			})
		}
	}
}

func TestANormalEndAtTimeIsNoTimeout(t *testing.T) {
	e := newExecutor(t, Process{ID: processID("P"), Command: sh("exit 0"), Timeout: time.Hour})
	assert.Equal(t, Launched, e.order("P").Outcome)
}

func TestABackgroundChildDoesNotDelayTheResultAndMayWriteLater(t *testing.T) {
	t.Parallel()
	g := slavetest.NewGate(t)
	done := slavetest.NewFifo(t)
	child := strings.Join(gated(g, "", "echo late; echo later; echo >"+done.Name())[2:], "")
	e := newExecutor(t, Process{ID: processID("P"), Command: sh("(" + child + "\n) &\necho up"), Status: appStatus("ONLINE"), Timeout: time.Hour})
	begun := time.Now()
	r := e.order("P")
	assert.Less(t, time.Since(begun), 3*time.Second) // outputGrace and a slow machine
	assert.Equal(t, Launched, r.Outcome)
	assert.Regexp(t, `: up$`, r.Text)
	assert.Equal(t, "ONLINE", e.stands())
	g.Await(1)
	g.LetGo(1)
	done.Await(1) // SIGPIPE would have ended it before
}

func TestTheTextHasTheLastLineOfMuchOutput(t *testing.T) {
	e := newExecutor(t, Process{ID: processID("P"), Command: sh("yes 'a line of output' | head -c 1000000; echo; echo the last; exit 3")})
	assert.Equal(t, "exit status 3: the last", e.order("P").Text)
}

func TestWhateverAProcessPrintsTheResponseIsATelegram(t *testing.T) {
	cases := []struct{ name, script, text string }{
		{"invalid UTF-8", `printf 'ok\nbad \377\376 byte\n'`, "exit status 3: bad \uFFFD byte"},
		{"control characters", `printf '\033[31mred\033[0m\tand \000 NUL\177\n'`, "exit status 3:  [31mred [0m and   NUL"},
		{"C1 control characters", `printf 'a\302\205b\n'`, "exit status 3: a b"},
		{"control characters only", `printf '\001\002\n'`, "exit status 3:"},
		{"Japanese", `printf '業務を開始できません\n'`, "exit status 3: 業務を開始できません"},
		{"long Japanese", `for i in 0 1 2 3 4; do printf '業務を開始できません'; done`, "exit status 3: " + strings.Repeat("業務を開始できません", 5)[:87]},
		{"carriage returns", `printf '10%%\r100%%\r\n'`, "exit status 3: 10% 100%"},
		{"one long line", `head -c 100000 /dev/zero | tr '\0' x`, "exit status 3: " + strings.Repeat("x", 89)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newExecutor(t, Process{ID: processID("P"), Command: sh(c.script + "; exit 3")})
			r := e.order("P")
			x := r.Response()
			assert.Equal(t, c.text, x.Text.String())
			b, err := x.Append(nil)
			require.NoError(t, err)
			decoded, err := telegram.DecodeExecutionResponse(b)
			require.NoError(t, err)
			assert.Equal(t, x, decoded)
		})
	}
}

// environmentOf runs a process and gives the environment that it was started with.
func environmentOf(t *testing.T, stands string, p Process) []string {
	path := filepath.Join(t.TempDir(), "environ")
	p.ID, p.Command = processID("P"), sh("/bin/cat /proc/$$/environ >"+path)
	e := newExecutor(t, p)
	writeStatus(t, e.path, stands)
	require.Equal(t, Launched, e.order("P").Outcome)
	env := strings.Split(strings.TrimSuffix(contents(t, path), "\x00"), "\x00")
	slices.Sort(env)
	return env
}

func TestTheEnvironmentIsExactlyWhatTheDefinitionSays(t *testing.T) {
	me := must(user.Current())
	cases := []struct {
		name, path, lang string
		env              map[string]string
		want             []string
	}{
		{"of the daemon", "/bin:/opt/bin", "ja_JP.UTF-8", nil, []string{"HOME=" + me.HomeDir, "LANG=ja_JP.UTF-8", "PATH=/bin:/opt/bin"}},
		{"defaults", "", "", nil, []string{"HOME=" + me.HomeDir, "LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}},
		{"of the definition", "/bin", "C", map[string]string{"LANG": "de_DE.UTF-8", "EMPTY": "", "TWO": "a b=c", "HOME": "/opt"},
			[]string{"EMPTY=", "HOME=/opt", "LANG=de_DE.UTF-8", "PATH=/bin", "TWO=a b=c"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("STRAY_VARIABLE", "stray")
			t.Setenv("PATH", c.path)
			t.Setenv("LANG", c.lang)
			want := append(c.want, "RENRAKU_HOST=app01", "RENRAKU_PROCESS=P", "RENRAKU_STATUS=BATCH")
			slices.Sort(want)
			assert.Equal(t, want, environmentOf(t, "BATCH", Process{Env: c.env}))
		})
	}
	assert.Contains(t, environmentOf(t, "", Process{}), "RENRAKU_STATUS=")
}

// lastLineOf is what a process prints.
func lastLineOf(t *testing.T, p Process) string {
	p.ID = processID("P")
	r := newExecutor(t, p).order("P")
	require.Equal(t, Launched, r.Outcome, r.Text)
	_, line, _ := strings.Cut(r.Text, ": ")
	return line
}

func TestAProcessIsLaunchedWithoutAShellInItsDirectoryWithEmptyInput(t *testing.T) {
	dir := must(filepath.EvalSymlinks(shortDir(t)))
	t.Setenv("DAEMON", "expanded")
	assert.Equal(t, "$DAEMON * `id`; # 'x", lastLineOf(t, Process{Command: []string{"/bin/echo", "$DAEMON", "*", "`id`;", "#", "'x"}}))
	assert.Equal(t, "/", lastLineOf(t, Process{Command: []string{"/bin/pwd"}}))
	assert.Equal(t, dir, lastLineOf(t, Process{Command: []string{"/bin/pwd"}, Dir: dir}))
	assert.Equal(t, "1 /dev/null", lastLineOf(t, Process{Command: sh("read x; echo $? $(readlink /proc/$$/fd/0)")}))
	assert.Equal(t, "leader", lastLineOf(t, Process{Command: sh("read x </proc/$$/stat; set -- $x; [ $5 = $$ ] && [ $6 = $4 ] && echo leader")}))
	assert.Equal(t, "none", lastLineOf(t, Process{Command: sh("readlink /proc/$$/fd/* | grep contact.dat || echo none")}),
		"a process that outlives the daemon must not keep its lock")
}

func TestAProcessRunsAsItsUser(t *testing.T) {
	name := "nobody"
	if os.Geteuid() != 0 {
		name = must(user.Current()).Username
	}
	account := must(user.Lookup(name))
	groups := must(account.GroupIds())
	line := lastLineOf(t, Process{Command: sh(`echo $HOME $(id -u) $(id -g) $(id -G)`), User: name})
	got := strings.Fields(line)
	assert.Equal(t, []string{account.HomeDir, account.Uid, account.Gid}, got[:3])
	if os.Geteuid() == 0 {
		groups = append(groups, account.Gid)
		for _, list := range []*[]string{&groups} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
		assert.ElementsMatch(t, groups, got[3:])
	}
	assert.Equal(t, strconv.Itoa(os.Geteuid()), lastLineOf(t, Process{Command: []string{"/usr/bin/id", "-u"}}))
}

// Which groups the users of a machine are in is not up to a test.
func TestAProcessHasTheGroupsOfItsUserAlone(t *testing.T) {
	got, err := credentialOf(&user.User{Uid: "1000", Gid: "100"}, []string{"100", "27", "4294967294"})
	require.NoError(t, err)
	assert.Equal(t, &syscall.Credential{Uid: 1000, Gid: 100, Groups: []uint32{100, 27, 4294967294}}, got)
	_, err = credentialOf(&user.User{Uid: "1000", Gid: "100"}, []string{"staff"})
	assert.Error(t, err)
}
