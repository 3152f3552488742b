package stats

import (
	"math"
	"slices"
	"sort"
	"time"
)

// Durations are kept as counts in buckets, which months can be merged from. Bucket
// 1 takes what lasted up to 100 ms; each next one ends 2^(1/8) later (nine per cent
// wider), the last but one after 36 days. A percentile is the upper end of the
// bucket in which it falls: at most nine per cent too long, never too short.
const (
	firstBucket   = 100 * time.Millisecond
	perDoubling   = 8
	closedBuckets = 200
	openBucket    = closedBuckets + 1 // longer than all
)

// bucketEnds holds the upper end of each bucket; index 0 is of none.
var bucketEnds = func() (ends [closedBuckets + 1]time.Duration) {
	for i := 1; i <= closedBuckets; i++ {
		ms := math.Round(float64(firstBucket.Milliseconds()) * math.Exp2(float64(i-1)/perDoubling))
		ends[i] = time.Duration(ms) * time.Millisecond
	}
	return ends
}()

// Bucket is the bucket of a duration: 0 for none, else from 1 to 201.
func Bucket(d time.Duration) int {
	if d <= 0 {
		return 0
	}
	return 1 + sort.Search(closedBuckets, func(i int) bool { return d <= bucketEnds[i+1] })
}

// bucketEnd is how long what is in a bucket lasted at most. Of the open one it is
// where it begins.
func bucketEnd(bucket int) time.Duration { return bucketEnds[min(max(bucket, 0), closedBuckets)] }

// histogram counts durations by bucket.
type histogram map[int]int64

func (h histogram) total() (n int64) {
	for _, count := range h {
		n += count
	}
	return n
}

// percentile is the shortest duration that p per cent of the events did not
// exceed, as the upper end of its bucket; zero where there are no events.
func (h histogram) percentile(p int64) time.Duration {
	rank := (h.total()*p + 99) / 100 // rounded up
	var seen int64
	buckets := make([]int, 0, len(h))
	for bucket := range h {
		buckets = append(buckets, bucket)
	}
	slices.Sort(buckets)
	for _, bucket := range buckets {
		seen += h[bucket]
		if seen >= rank {
			return bucketEnd(bucket)
		}
	}
	return 0
}
