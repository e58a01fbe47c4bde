package status

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const longestChain = 40 // links that Linux follows before it gives up

// Write writes the status to path: readers see the old document or the new one, through crashes, full disks and power
// cuts.
//
// A symbolic link is followed. Mode, owner, group and, on Linux, access list of an existing file are kept as far as the
// system permits. The folder must exist, and nothing but a regular file is replaced.
//
// After an error that wraps ErrInvalid nothing was touched. After any other the file is as it was, and no temp is left;
// only when syncing the folder fails, at the very end, the new document is there and may not survive a power cut.
func Write(path string, s Status) error {
	document, err := s.Document()
	if err != nil {
		return err
	}
	if strings.ContainsRune(path, 0) {
		return invalid("no file can have the path %q", path)
	}
	target, before, err := resolve(path)
	if err != nil {
		return err
	}
	kept, err := keep(target, before)
	if err != nil {
		return err
	}
	folder, _ := filepath.Split(target) // not cleaned: behind a symbolic link ".." is not lexical
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	temp := folder + "." + hex.EncodeToString(random[:]) + ".tmp" // short, whatever the target is called (MET-05)
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, kept.mode())
	if err != nil {
		return err
	}
	if err := fill(file, document, kept); err != nil {
		_ = remove(temp) // a failure here must not hide the first error (FLT-08)
		return err
	}
	if err := replace(temp, target); err != nil {
		_ = remove(temp)
		return err
	}
	return syncFolder(folder)
}

// Attributes come last: a write clears the bits suid and sgid (MET-01). A failed sync or close is never retried: the
// kernel may have dropped the bytes (FLT-04, FLT-05).
func fill(file *os.File, document []byte, kept kept) error {
	_, err := file.Write(document)
	if err == nil {
		err = kept.apply(file)
	}
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// The absolute path of the file behind the symbolic links at path (MET-04), and what it is if it exists.
func resolve(path string) (string, fs.FileInfo, error) {
	target, err := absolute(path)
	if err != nil {
		return "", nil, err
	}
	for range longestChain {
		found, err := os.Lstat(target)
		if errors.Is(err, fs.ErrNotExist) {
			return target, nil, nil
		}
		if err != nil {
			return "", nil, err
		}
		if found.Mode().IsRegular() {
			return target, found, nil
		}
		if found.Mode()&fs.ModeSymlink == 0 {
			return "", nil, fmt.Errorf("%s: not a regular file", target)
		}
		link, err := os.Readlink(target)
		if err != nil {
			return "", nil, err
		}
		if filepath.IsAbs(link) {
			target = link
		} else {
			folder, _ := filepath.Split(target)
			target = folder + link
		}
	}
	return "", nil, fmt.Errorf("%s: too many symbolic links", path)
}
