package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
)

//go:embed static
var staticFiles embed.FS

// assets are the files under static, each served under the hash of its content,
// so that it may be kept for ever.
type assets map[string]asset

type asset struct {
	content []byte
	hash    string
	mime    string
}

// assetTypes are the types of what there is in static. Package mime would read,
// and keep, whatever tables the machine has.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml"}

func loadAssets() (assets, error) {
	names, err := fs.Glob(staticFiles, "static/*")
	if err != nil {
		return nil, err
	}
	all := assets{}
	for _, name := range names {
		content, err := staticFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		kind, known := assetTypes[path.Ext(name)]
		if !known {
			return nil, fmt.Errorf("asset %s has no known type", name)
		}
		all[path.Base(name)] = asset{content: content, hash: hex.EncodeToString(sum[:8]), mime: kind}
	}
	return all, nil
}

// url is where a page finds an asset; a name that is none stops the rendering.
func (a assets) url(name string) (string, error) {
	file, ok := a[name]
	if !ok {
		return "", fmt.Errorf("no asset %s", name)
	}
	return "/static/" + file.hash + "/" + name, nil
}

func (s *Server) static(w http.ResponseWriter, r *http.Request) error {
	file, ok := s.assets[r.PathValue("file")]
	if !ok || r.PathValue("hash") != file.hash {
		return &httpError{http.StatusNotFound, "not_found"}
	}
	return serveAsset(w, r, file, "public, max-age=31536000, immutable")
}

func (s *Server) favicon(w http.ResponseWriter, r *http.Request) error {
	return serveAsset(w, r, s.assets["favicon.svg"], "public, max-age=86400")
}

func serveAsset(w http.ResponseWriter, r *http.Request, file asset, cache string) error {
	w.Header().Set("Content-Type", file.mime)
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("ETag", `"`+file.hash+`"`)
	if r.Header.Get("If-None-Match") == `"`+file.hash+`"` {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(file.content)
	return err
}
