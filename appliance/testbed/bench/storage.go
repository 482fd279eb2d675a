package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"seikan/storage/open"
)

const gigabyte = 1 << 30

// storage measures how fast and in how much memory one object of a gigabyte gets to the stores,
// each in a process of its own.
func (b *bench) storage() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	source := filepath.Join(b.dir, "gigabyte")
	if err := writeGigabyte(source); err != nil {
		return err
	}
	fmt.Println("\n| 1 GiB of state | wall s | CPU s | MiB/s | peak MiB | note |")
	fmt.Println("|---|---|---|---|---|---|")
	line := func(name string, c cost, note string) {
		fmt.Printf("| %s | %.2f | %.2f | %.0f | %.0f | %s |\n", name, c.wall, c.cpu, 1024/c.wall, c.rss, note)
	}
	folder := filepath.Join(b.dir, "blobs")
	clean := func() error { return errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)) }
	to := filepath.Join(folder, "copy")
	cp, err := b.measure(clean, "cp", source, to)
	if err != nil {
		return err
	}
	line("cp", cp, "is not on the disk yet")
	durable, err := b.measure(clean, "sh", "-c", `cp "$0" "$1" && sync "$1"`, source, to)
	if err != nil {
		return err
	}
	line("cp and sync", durable, "")
	ours, err := b.measure(clean, self, "-move", "local", "-dir", b.dir)
	if err != nil {
		return err
	}
	line("local", ours, fmt.Sprintf("%.0f %% of cp and sync (must ≥ 60), memory must ≤ 64", 100*durable.wall/ours.wall))
	if err := clean(); err != nil {
		return err
	}
	if !s3Runs() {
		fmt.Println("\nS3 is not measured: make parts")
		return nil
	}
	sdk, err := b.measure(nil, self, "-move", "sdk", "-dir", b.dir)
	if err != nil {
		return err
	}
	line("S3, the SDK's multipart upload as its manager does it: 5 parts of 5 MiB at once", sdk, "")
	if ours, err = b.measure(nil, self, "-move", "s3", "-dir", b.dir); err != nil {
		return err
	}
	line("s3", ours, fmt.Sprintf("%.0f %% of that (must ≥ 60), memory must ≤ 64", 100*sdk.wall/ours.wall))
	return nil
}

// writeGigabyte makes a file that does not compress to nothing.
func writeGigabyte(name string) error {
	if old, err := os.Stat(name); err == nil && old.Size() == gigabyte {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	seed := uint32(1)
	for range gigabyte / len(block) {
		for i := range block {
			seed = seed*1664525 + 1013904223
			block[i] = byte(seed >> 24)
		}
		if _, err := f.Write(block); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

// s3Runs takes the exports of the start script into the environment.
func s3Runs() bool {
	if os.Getenv("S3_ENDPOINT") != "" {
		return true
	}
	out, err := exec.Command("appliance/testbed/parts/s3.sh", "env").Output()
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if os.Setenv(name, value) != nil {
			return false
		}
	}
	return err == nil
}

// move is what the processes do that storage measures.
func move(kind, dir string) error {
	f, err := os.Open(filepath.Join(dir, "gigabyte"))
	if err != nil {
		return err
	}
	defer f.Close()
	if kind == "sdk" {
		return moveBySDK(context.Background(), f)
	}
	keys := map[string]string{"storage.type": kind, "namespace": filepath.Join(dir, "blobs")}
	if kind == "s3" {
		keys["namespace"] = "bench"
		for key, name := range map[string]string{"s3.bucket": "S3_BUCKET", "fs.s3a.endpoint": "S3_ENDPOINT", "fs.s3a.access.key": "S3_ACCESS_KEY", "fs.s3a.secret.key": "S3_SECRET_KEY"} {
			keys[key] = os.Getenv(name)
		}
	}
	settings, problems := open.Parse("hdfs", keys)
	if problems != nil {
		return errors.Join(problems...)
	}
	s, err := open.Open(context.Background(), settings)
	if err != nil {
		return err
	}
	_, err = s.Put(context.Background(), "gigabyte", f)
	return errors.Join(err, s.Close())
}

func moveBySDK(ctx context.Context, f *os.File) error {
	const part, atOnce = 5 << 20, 5
	client := awss3.New(awss3.Options{Region: "us-east-1", UsePathStyle: true, BaseEndpoint: aws.String(os.Getenv("S3_ENDPOINT")),
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("S3_ACCESS_KEY"), os.Getenv("S3_SECRET_KEY"), "")})
	bucket, key := aws.String(os.Getenv("S3_BUCKET")), aws.String("bench/sdk")
	begun, err := client.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		return err
	}
	parts := make([]types.CompletedPart, (gigabyte+part-1)/part)
	g, ctx2 := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range parts {
		body := make([]byte, min(part, gigabyte-i*part))
		if _, err := io.ReadFull(f, body); err != nil {
			return errors.Join(err, g.Wait())
		}
		g.Go(func() error {
			n := aws.Int32(int32(i + 1))
			out, err := client.UploadPart(ctx2, &awss3.UploadPartInput{Bucket: bucket, Key: key, UploadId: begun.UploadId, PartNumber: n, Body: bytes.NewReader(body)})
			if err == nil {
				parts[i] = types.CompletedPart{PartNumber: n, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32}
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	_, err = client.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	return err
}
