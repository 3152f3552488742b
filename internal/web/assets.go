package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"sync"

	"aldaba/internal/institution"
)

//go:embed static
var staticFiles embed.FS

// assets are the files under static, each served under the hash of its content,
// so that it may be kept for ever.
type assets map[string]asset

type asset struct {
	content    []byte
	hash       string
	mime       string
	compressed func() []byte // content as gzip, made once; nil for what is never compressed
}

// assetTypes are the types of what there is in static, and of a logo. Package mime would
// read, and keep, whatever tables the machine has.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".png": "image/png",
	".svg": "image/svg+xml",
}

// pathStatic is below which the files are, each under its hash.
const pathStatic = "/static/"

// loadAssets reads them, and puts the institution's colours and logo to them.
func loadAssets(of institution.Institution) (assets, error) {
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
		if path.Base(name) == "aldaba.css" {
			content = append(content, colours(of)...)
		}
		if err = all.add(path.Base(name), content); err != nil {
			return nil, err
		}
	}
	if of.Logo.File != "" {
		err = all.add(of.Logo.File, of.Logo.Content)
	}
	return all, err
}

func (a assets) add(name string, content []byte) error {
	kind, known := assetTypes[path.Ext(name)]
	if !known {
		return fmt.Errorf("asset %s has no known type", name)
	}
	sum := sha256.Sum256(content)
	file := asset{content: content, hash: hex.EncodeToString(sum[:8]), mime: kind}
	if kind != "image/png" {
		file.compressed = sync.OnceValue(func() []byte { return compressed(content) })
	}
	a[name] = file
	return nil
}

// colours are the institution's own, as a style sheet to stand behind ours. Each
// stands in its own kind of screen, so that one alone leaves the other as it is.
func colours(of institution.Institution) []byte {
	var sheet []byte
	for _, one := range []struct {
		media string
		p     *institution.Palette
	}{{"print,screen and (prefers-color-scheme:light)", of.Light}, {"screen and (prefers-color-scheme:dark)", of.Dark}} {
		if one.p == nil {
			continue
		}
		sheet = fmt.Appendf(sheet, "@media %s{:root{"+
			"--al-masthead:%v;--al-masthead-text:%v;--al-accent:%v;--al-accent-text:%v;"+
			"--govuk-link-colour:%v;--govuk-link-hover-colour:%v;--govuk-brand-colour:%v;"+
			"--al-button:%v;--al-button-hover:%v;--al-button-shadow:%v;--al-button-text:%v}}",
			one.media, one.p.Masthead, one.p.MastheadText, one.p.Accent, one.p.AccentText,
			one.p.Link, one.p.LinkHover, one.p.Button,
			one.p.Button, one.p.ButtonHover, one.p.ButtonShadow, one.p.ButtonText)
	}
	return sheet
}

// url is where a page finds an asset; a name that is none stops the rendering.
func (a assets) url(name string) (string, error) {
	file, ok := a[name]
	if !ok {
		return "", fmt.Errorf("no asset %s", name)
	}
	return pathStatic + file.hash + "/" + name, nil
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

// serveAsset answers with a file, under the rule by which it may be kept.
func serveAsset(w http.ResponseWriter, r *http.Request, file asset, cache string) error {
	content, tag := file.content, `"`+file.hash+`"`
	if file.compressed != nil {
		w.Header().Add("Vary", "Accept-Encoding")
		if small := file.compressed(); small != nil && takesGzip(r) {
			w.Header().Set("Content-Encoding", "gzip")
			content, tag = small, `"`+file.hash+`-gzip"`
		}
	}
	w.Header().Set("Content-Type", file.mime)
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.Header().Del("Content-Encoding") // there is nothing that would be encoded
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(content)
	return err
}

// servePublic answers with what the program makes and is nobody's in particular: it may
// be kept by anyone who asks each time whether it is still so.
func servePublic(w http.ResponseWriter, r *http.Request, kind string, body []byte) error {
	sum := sha256.Sum256(body)
	return serveAsset(w, r, asset{content: body, hash: hex.EncodeToString(sum[:8]), mime: kind}, "public, no-cache")
}
