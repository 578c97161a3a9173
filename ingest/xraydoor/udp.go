package xraydoor

import (
	"context"
	"net"

	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/datagram"
)

// UDP is the door for datagrams.
type UDP struct {
	*ingest.Door
	server datagram.Server
}

// NewUDP returns the door.
func NewUDP(cfg ingest.Config) *UDP { return &UDP{Door: ingest.NewDoor(cfg, "xray-udp")} }

// Serve takes what comes at conn until ctx ends, and then what has come by then. It closes
// conn.
func (u *UDP) Serve(ctx context.Context, conn net.PacketConn) error {
	return u.server.Serve(ctx, conn, func(batch [][]byte) {
		u.GiveEach(ctx, "", batch, translateDatagram)
	})
}

// Datagrams returns what the socket says of what came: it knows of those, too, that nobody
// had room for.
func (u *UDP) Datagrams() datagram.Stats { return u.server.Stats() }

func translateDatagram(dst, datagram []byte) (out []byte, unknown int, err error) {
	doc, err := xray.Datagram(datagram)
	if err != nil {
		return dst, 0, err
	}
	out, err = translate(dst, doc)
	return out, 0, err
}
