package orc

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// expected is row i of the files in testdata, as make.py computes it.
func expected(i int64) []string {
	patched := i * i % 101
	if i%97 == 5 {
		patched += 1_000_000_000_000 + i
	}
	sometimes := func(v string) string {
		if i%11 == 3 {
			return "(null)"
		}
		return v
	}
	number := func(v int64) string { return strconv.FormatInt(v, 10) }
	sign := ""
	if i%2 == 1 {
		sign = "-"
	}
	dec := sign + number(i*7919) + strings.Repeat("0", 15)
	if i == 0 {
		dec = "0"
	}
	scale := []int64{1, 10, 100, 1000}[i%4]
	at := time.Unix(0, 0).UTC().AddDate(0, 0, int(i*30-9000)).Add(time.Duration(i*1000*scale) * time.Microsecond)
	list := []string{}
	for j := range i % 4 {
		if j == 1 {
			list = append(list, "null")
		} else {
			list = append(list, number(i+j))
		}
	}
	return []string{
		number(i), number(patched), number(-patched - 7), number(i / 5 * 300), number(i*7919%65537 - 30000),
		number(-i*30 - i*i%17), sometimes(number(i/4%256 - 128)), sometimes(fmt.Sprint(i%3 == 0)),
		sometimes(strconv.FormatFloat(float64(i)/4, 'g', -1, 32)), sometimes("t" + number(i*7919%65537)),
		sometimes("v" + number(i%7)), sometimes(dec),
		sometimes(time.Unix(0, 0).UTC().AddDate(0, 0, int(i*300-90000)).Format("2006-01-02")),
		sometimes(at.Format("2006-01-02T15:04:05.999999")),
		sometimes("[" + strings.Join(list, ",") + "]"),
	}
}
