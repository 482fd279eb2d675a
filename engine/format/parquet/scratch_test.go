package parquet
import ("testing";"os";"time";"runtime";"fmt";"math/rand/v2";"seikan/engine/format/parquet/filetest")
func TestScratchMutate(t *testing.T) {
	var seeds [][]byte
	for _, c := range []string{"none","snappy","zstd"} { seeds = append(seeds, filetest.Write(t, Format{}, "compress_codec = "+c, filetest.Random(everyType(t), 40, 5, 1))) }
	for _, n := range []string{"pa1","pa2"} { f,_ := os.ReadFile("/tmp/pqorc/"+n+".parquet"); seeds = append(seeds, f) }
	rng := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
	end := time.Now().Add(60*time.Second)
	var ms runtime.MemStats
	ok, bad := 0, map[string]int{}
	for n := 0; time.Now().Before(end); n++ {
		s := append([]byte(nil), seeds[rng.IntN(len(seeds))]...)
		for range 1+rng.IntN(4) {
			i := rng.IntN(len(s))
			if rng.IntN(2) == 0 { i = len(s)-1-rng.IntN(min(len(s),4000)) }
			s[i] = byte(rng.Uint32()) }
		os.WriteFile("/tmp/pqorc/last.bin", s, 0o644)
		runtime.ReadMemStats(&ms); a := ms.TotalAlloc
		t0 := time.Now()
		_, err := filetest.Read(filetest.Reading(t, Format{}, nil), filetest.File(s), filetest.Whole, 1, nil)
		runtime.ReadMemStats(&ms)
		if d := time.Since(t0); d > time.Second || ms.TotalAlloc-a > 300<<20 { fmt.Println("slow/big", d, (ms.TotalAlloc-a)>>20, err); os.WriteFile(fmt.Sprintf("/tmp/pqorc/big%d.bin", n), s, 0o644) }
		if err == nil { ok++ } else { bad[fmt.Sprintf("%.60s", err)]++ }
	}
	fmt.Println(ok, len(bad))
}
