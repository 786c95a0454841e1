package decode

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/etwhy/etwhy/etl"
)

func TestExplore(t *testing.T) {
	files, _ := filepath.Glob("../../shared/samples/etl/*/*.etl")
	for _, f := range files {
		fh, _ := os.Open(f)
		st, _ := fh.Stat()
		l, err := etl.NewReader(fh, st.Size())
		if err != nil {
			t.Error(f, err)
			continue
		}
		d := New(l.Header())
		for r, err := range l.Unordered(0, 1) {
			_ = err
			d.Learn(r)
		}
		type k struct {
			src Source
			ok  bool
		}
		counts := map[string]int{}
		reasons := map[string]int{}
		for r, err := range l.Records() {
			if err != nil {
				t.Error(err)
				break
			}
			if IsLogRecord(r) {
				counts["log"]++
				continue
			}
			ev := d.Decode(r)
			why, _ := ev.Undecoded()
			counts[fmt.Sprint(r.Kind(), " ", ev.DecodedBy, " ", why == "")]++
			if why != "" {
				reasons[why]++
			}
		}
		fmt.Println(filepath.Base(f), counts)
		n := 0
		for r, c := range reasons {
			fmt.Println("    ", c, r)
			if n++; n > 12 {
				break
			}
		}
	}
}
