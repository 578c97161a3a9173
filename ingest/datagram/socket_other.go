//go:build !linux

package datagram

import "net"

// kernelDrops is not known here.
func kernelDrops(*net.UDPConn) int64 { return 0 }

// setReceiveBuffer asks for a buffer.
func setReceiveBuffer(c *net.UDPConn, size int) int {
	_ = c.SetReadBuffer(size) // what there was will do
	return 0
}
