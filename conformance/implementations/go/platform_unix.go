//go:build unix

package status

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// The path with ".." left alone: behind a symbolic link it is not lexical.
func absolute(path string) (string, error) {
	if strings.HasPrefix(path, "/") {
		return path, nil
	}
	folder, err := os.Getwd()
	return folder + "/" + path, err
}

// Without waiting for the writer of a FIFO, and without making a terminal the controlling one (RDR-08).
func openForReading(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}

// What a new document keeps of the file that it replaces.
type kept struct {
	before     *syscall.Stat_t // nil: there is none
	accessList []byte          // nil: none
}

// Fails where it cannot be found out who may read the target (MET-11).
func keep(target string, before fs.FileInfo) (kept, error) {
	if before == nil {
		return kept{}, nil
	}
	list, err := accessListOf(target)
	return kept{before.Sys().(*syscall.Stat_t), list}, err
}

// The mode to create a temp with: never more open than the target will be. Its group is not the target's yet, and the
// group's bits mean something else where there is an access list (MET-02, MET-11).
func (k kept) mode() fs.FileMode {
	if k.before == nil {
		return 0o666
	}
	mode := fs.FileMode(k.before.Mode & 0o777)
	if k.accessList != nil || mode>>3&0o7 != mode&0o7 {
		mode &= 0o700
	}
	return mode
}

// Give the full temp owner, group, access list and mode of the target. What the system refuses stays as it is, but then
// nothing that would let others read the file because of it is set either.
func (k kept) apply(file *os.File) error {
	if k.before == nil {
		return nil
	}
	found, err := file.Stat()
	if err != nil {
		return err
	}
	now := found.Sys().(*syscall.Stat_t)
	mode := uint32(k.before.Mode) & 0o7777
	listed := true
	if now.Gid != k.before.Gid && file.Chown(-1, int(k.before.Gid)) != nil {
		// The members of the temp's group are like all others to the target.
		mode = mode&^(syscall.S_ISGID|0o070) | mode&(mode&0o007)<<3
		listed = k.accessList == nil // its entry for the owning group would be another group's
	}
	if now.Uid != k.before.Uid && file.Chown(int(k.before.Uid), -1) != nil {
		mode &^= syscall.S_ISUID
	}
	if !listed || !keepAccessList(file, k.accessList) {
		mode &^= 0o077
	}
	if uint32(now.Mode)&0o7777 != mode {
		_ = syscall.Fchmod(int(file.Fd()), mode)
	}
	return nil
}

func replace(temp, target string) error {
	return os.Rename(temp, target)
}

func remove(temp string) error {
	return os.Remove(temp)
}

// Let the rename survive a power cut. A file system that cannot, and a folder that may not be read, are no errors.
func syncFolder(folder string) error {
	opened, err := os.Open(folder)
	if err == nil {
		err = opened.Sync()
		if closed := opened.Close(); err == nil {
			err = closed
		}
	}
	for _, tolerated := range []error{syscall.EINVAL, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.EACCES} {
		if errors.Is(err, tolerated) {
			return nil
		}
	}
	return err
}
