package datagram

import (
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memInfo is what Linux tells of a socket's memory by SO_MEMINFO: nine numbers, the last of
// which counts what was dropped (linux/sock_diag.h, SK_MEMINFO_DROPS).
type memInfo [9]uint32

const memInfoDrops = 8

// kernelDrops returns how many datagrams the kernel had no room for. The kernel counts in
// 32 bits.
func kernelDrops(c *net.UDPConn) int64 {
	var info memInfo
	size := uint32(unsafe.Sizeof(info))
	control(c, func(fd int) {
		_, _, _ = unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) // a kernel without it tells none
	})
	return int64(info[memInfoDrops])
}

// setReceiveBuffer asks for a buffer, beyond what is allowed to all if this process may, and
// returns what it got.
func setReceiveBuffer(c *net.UDPConn, size int) (got int) {
	control(c, func(fd int) {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size) // what there was will do
		}
		got, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	})
	return got
}

func control(c *net.UDPConn, f func(fd int)) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { f(int(fd)) }) // of a closed socket: nothing to tell
}
