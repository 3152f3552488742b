package web

import "aldaba/internal/credential"

// imageView is a security image as the partials "images" and "image" show it.
type imageView struct {
	Value  string // its code
	Label  string // its word, which is also its text alternative
	File   string // its asset
	Chosen bool
}

// image is how one security image is shown.
func (s *Server) image(code credential.SecurityImage) imageView {
	return imageView{
		Value: string(code), Label: s.Words.Text("image." + string(code)), File: "image-" + string(code) + ".svg",
	}
}

// images are all of them, to choose from; chosen is empty for none yet.
func (s *Server) images(chosen credential.SecurityImage) []imageView {
	var list []imageView
	for _, code := range credential.SecurityImages() {
		one := s.image(code)
		one.Chosen = code == chosen
		list = append(list, one)
	}
	return list
}
