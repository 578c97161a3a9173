package xraydoor

import (
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/ingest"
)

// NewUDP returns the door for datagrams.
func NewUDP(cfg ingest.Config) *ingest.UDP {
	return ingest.NewUDP(cfg, "xray-udp", translateDatagram)
}

func translateDatagram(dst, datagram []byte) (out []byte, unknown int, err error) {
	doc, err := xray.Datagram(datagram)
	if err != nil {
		return dst, 0, err
	}
	out, err = translate(dst, doc)
	return out, 0, err
}
