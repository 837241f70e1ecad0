package store

// File is an object whose bytes this machine has in a file.
type File struct {
	Object
	// Path is the absolute path of that file: the object itself, or a copy of it.
	Path string
}
