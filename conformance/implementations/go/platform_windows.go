package status

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf16"
	"unsafe"
)

const (
	replaceFor = 2 * time.Second
	removeFor  = 500 * time.Millisecond
	openFor    = 250 * time.Millisecond
	pause      = time.Millisecond

	longestPlainPath = 150 // with the name of a temp it is below the 260 that Windows accepts without \\?\
)

const (
	shareAll           = syscall.FILE_SHARE_READ | syscall.FILE_SHARE_WRITE | fileShareDelete
	fileShareDelete    = 0x4
	accessDelete       = 0x00010000
	theNameItself      = 0x02200000 // FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT
	fileRenameInfoEx   = 22
	replacePosix       = 0x3                // FILE_RENAME_REPLACE_IF_EXISTS | FILE_RENAME_POSIX_SEMANTICS
	accessDenied       = syscall.Errno(5)   // ERROR_ACCESS_DENIED
	sharingViolation   = syscall.Errno(32)  // ERROR_SHARING_VIOLATION
	lockViolation      = syscall.Errno(33)  // ERROR_LOCK_VIOLATION
	invalidFunction    = syscall.Errno(1)   // these four: FAT, SMB, an old Windows, Wine
	notSupported       = syscall.Errno(50)  // ERROR_NOT_SUPPORTED
	invalidParameter   = syscall.Errno(87)  // ERROR_INVALID_PARAMETER
	callNotImplemented = syscall.Errno(120) // ERROR_CALL_NOT_IMPLEMENTED
)

var setFileInformation = syscall.NewLazyDLL("kernel32.dll").NewProc("SetFileInformationByHandle")

// Fails for names that Windows takes for another file, a device or a stream (WIN-06). A long path gets the form that
// has no limit of 260 characters.
func absolute(path string) (string, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	name := path[strings.LastIndexAny(path, `\/`)+1:]
	name = name[len(filepath.VolumeName(name)):]
	device := strings.HasPrefix(whole, `\\.\`) && !strings.HasPrefix(path, `\\.\`)
	if strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") || strings.Contains(name, ":") || device {
		return "", fmt.Errorf("%s: Windows takes this name for another file: choose a plain one", path)
	}
	switch {
	case len(whole) <= longestPlainPath || strings.HasPrefix(whole, `\\?\`) || strings.HasPrefix(whole, `\\.\`):
		return whole, nil
	case strings.HasPrefix(whole, `\\`):
		return `\\?\UNC\` + whole[2:], nil
	default:
		return `\\?\` + whole, nil
	}
}

// Others may replace, rename and delete the file meanwhile, which os.Open does not permit (WIN-05).
func openForReading(path string) (*os.File, error) {
	whole, err := absolute(path)
	if err != nil {
		return nil, err
	}
	name, err := syscall.UTF16PtrFromString(whole)
	if err != nil {
		return nil, err
	}
	var handle syscall.Handle
	err = retry(openFor, func() (err error) {
		handle, err = syscall.CreateFile(name, syscall.GENERIC_READ, shareAll, nil, syscall.OPEN_EXISTING, 0, 0)
		if found, statErr := os.Stat(whole); isHeld(err) && statErr == nil && found.IsDir() {
			return fmt.Errorf("%s: a folder", path) // it is denied, too, and stays so
		}
		return err
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// Nothing is kept: the access list is inherited from the folder.
type kept struct{}

// Fails for a target with the read-only attribute, which is not replaced (WIN-04).
func keep(target string, before fs.FileInfo) (kept, error) {
	if before != nil && before.Mode().Perm()&0o200 == 0 {
		return kept{}, &os.PathError{Op: "replace", Path: target, Err: errors.New("the file has the read-only attribute")}
	}
	return kept{}, nil
}

func (kept) mode() fs.FileMode { return 0o666 }

func (kept) apply(*os.File) error { return nil }

// POSIX semantics come first: they replace a target that is held open by readers that share delete. Where the system
// cannot, os.Rename (MoveFileExW) needs a moment in which no program has the target open.
func replace(temp, target string) error {
	return retry(replaceFor, func() error {
		err := renamePosix(temp, target)
		for _, cannot := range []error{invalidFunction, notSupported, invalidParameter, callNotImplemented} {
			if errors.Is(err, cannot) {
				return os.Rename(temp, target)
			}
		}
		return err
	})
}

func renamePosix(temp, target string) error {
	name, err := syscall.UTF16PtrFromString(temp)
	if err != nil {
		return err
	}
	handle, err := syscall.CreateFile(name, accessDelete, shareAll, nil, syscall.OPEN_EXISTING, theNameItself, 0)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: temp, New: target, Err: err}
	}
	defer syscall.CloseHandle(handle)
	information := renameInformation(utf16.Encode([]rune(target)))
	done, _, err := setFileInformation.Call(
		uintptr(handle), fileRenameInfoEx, uintptr(unsafe.Pointer(&information[0])), uintptr(len(information)))
	if done == 0 {
		return &os.LinkError{Op: "rename", Old: temp, New: target, Err: err}
	}
	return nil
}

// FILE_RENAME_INFO: flags, a folder's handle, the bytes of the name, the name; its NUL is not counted.
func renameInformation(name []uint16) []byte {
	pointer := int(unsafe.Sizeof(uintptr(0)))
	information := make([]byte, 2*pointer+4+2*len(name)+4)
	binary.LittleEndian.PutUint32(information, replacePosix)
	binary.LittleEndian.PutUint32(information[2*pointer:], uint32(2*len(name)))
	for index, unit := range name {
		binary.LittleEndian.PutUint16(information[2*pointer+4+2*index:], unit)
	}
	return information
}

func remove(temp string) error {
	return retry(removeFor, func() error { return os.Remove(temp) })
}

// Windows has no such call, and NTFS journals the rename.
func syncFolder(string) error { return nil }

func isHeld(err error) bool {
	return errors.Is(err, accessDenied) || errors.Is(err, sharingViolation) || errors.Is(err, lockViolation)
}

// Until it succeeds, fails for a reason that waiting cannot cure, or the time has passed; then the first error counts.
func retry(limit time.Duration, operation func() error) error {
	deadline := time.Now().Add(limit)
	first := operation()
	if !isHeld(first) {
		return first
	}
	for time.Now().Before(deadline) {
		time.Sleep(pause)
		if err := operation(); !isHeld(err) {
			return err
		}
	}
	return first
}
