package status

import (
	"errors"
	"os"
	"strconv"
	"syscall"
)

const (
	accessList   = "system.posix_acl_access"
	longestValue = 65536 // of any attribute: XATTR_SIZE_MAX
)

func isAbsent(err error) bool {
	return errors.Is(err, syscall.ENODATA) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS)
}

func accessListOf(target string) ([]byte, error) {
	list := make([]byte, longestValue)
	size, err := syscall.Getxattr(target, accessList, list)
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "getxattr", Path: target, Err: err}
	}
	return list[:size], nil
}

// Whether the file has this access list, or none, in the end; it may have inherited one from its folder. The package
// syscall has no calls for descriptors, so the file is named through /proc, which no rename can change.
func keepAccessList(file *os.File, list []byte) bool {
	path := "/proc/self/fd/" + strconv.Itoa(int(file.Fd()))
	if list != nil {
		return syscall.Setxattr(path, accessList, list, 0) == nil
	}
	if _, err := syscall.Getxattr(path, accessList, nil); err != nil {
		return isAbsent(err)
	}
	return syscall.Removexattr(path, accessList) == nil
}
