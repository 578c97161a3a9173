package xray

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"

	"github.com/clew-tracing/clew"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Token returns the NextToken of an answer: place, which can be encoded as JSON, says where
// the next page begins, of a question whose parameters besides are question.
func Token(question, place any) (string, error) {
	text, err := json.Marshal(place)
	if err != nil {
		return "", err
	}
	sum, err := sumOf(question, text)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(binary.LittleEndian.AppendUint32(nil, sum), text...)), nil
}

// ParseToken is the inverse of Token. A token of another question is an error: its place
// would be nowhere.
func ParseToken(token string, question, place any) error {
	bad := clew.Errorf(clew.Invalid, "NextToken: want one of the answer before, to a request that is otherwise the same; ask without for the first page")
	if len(token) > maxTokenBytes {
		return bad
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 4 {
		return bad
	}
	sum, err := sumOf(question, b[4:])
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(b) != sum || json.Unmarshal(b[4:], place) != nil {
		return bad
	}
	return nil
}

// sumOf tells a token that was made here from others; it keeps no secret.
func sumOf(question any, place []byte) (uint32, error) {
	text, err := json.Marshal(question)
	if err != nil {
		return 0, err
	}
	return crc32.Update(crc32.Checksum(text, castagnoli), castagnoli, place), nil
}
