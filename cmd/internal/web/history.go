package web

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"renraku/contactfile"
	"renraku/slave"
	"renraku/telegram"
)

// historyAnswer is part of the history of one server, newest first.
type historyAnswer struct {
	Records []historyRecord `json:"records"`
	Next    int             `json:"next"` // the number to go on before; 0: there is no more
}

type historyRecord struct {
	Time        string `json:"time"`
	Process     string `json:"process"`
	Trigger     string `json:"trigger"`
	Outcome     string `json:"outcome"`
	Application string `json:"application"`
	Text        string `json:"text"`
}

// history answers with the records of ?host= that stand before number ?before=, or the last ones.
func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	host, err := telegram.NewHost(r.FormValue("host"))
	if err != nil {
		http.Error(w, "host: "+err.Error(), http.StatusBadRequest)
		return
	}
	before := -1
	if text := r.FormValue("before"); text != "" {
		if before, err = strconv.Atoi(text); err != nil || before < 0 {
			http.Error(w, "before: a number of a record is right", http.StatusBadRequest)
			return
		}
	}
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	case <-r.Context().Done():
		return
	}
	a, err := readHistory(filepath.Join(s.cfg.Dir, slave.HistoryFile), host.String(), before)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", jsonType)
	json.NewEncoder(w).Encode(a)
}

// readHistory looks at maxLookBack records at most, so that a host that has none costs no more.
func readHistory(path, host string, before int) (historyAnswer, error) {
	a := historyAnswer{Records: []historyRecord{}}
	f, end, err := openHistory(path)
	if f == nil {
		return a, err
	}
	defer f.Close()
	if before >= 0 {
		end = min(end, before)
	}
	for i, r := range contactfile.Backwards(f, end) {
		if r.Host == host {
			a.Records = append(a.Records, historyRecord{r.Time.Format(time.RFC3339Nano), r.Process, r.Trigger, r.Outcome, r.Application, r.Text})
		}
		if len(a.Records) == historyPage || end-i >= maxLookBack {
			a.Next = i
			break
		}
	}
	return a, nil
}
