// Packs files with Go's archive/zip: `go run pack.go DIRECTORY ZIP NAME...`. A name that ends in `/` is a directory.
package main

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	out, err := os.Create(os.Args[2])
	check(err)
	archive := zip.NewWriter(out)
	for _, name := range os.Args[3:] {
		entry, err := archive.Create(name)
		check(err)
		if !strings.HasSuffix(name, "/") {
			content, err := os.ReadFile(filepath.Join(os.Args[1], name))
			check(err)
			_, err = entry.Write(content)
			check(err)
		}
	}
	check(archive.Close())
	check(out.Close())
}
