package redact

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
)

// A Key makes pseudonyms. Those of the same name by the same key are equal, whatever file the name is from; without
// the key nobody can tell the name, nor try out names. It stays with those who have the originals.
type Key [32]byte

// ErrKey says that a text is no key.
var ErrKey = errors.New("not a redaction key: want 64 hexadecimal digits")

// NewKey returns a random key. An error is that of the system's source of random numbers.
func NewKey() (k Key, err error) {
	_, err = rand.Read(k[:])
	return k, err
}

// ParseKey reads what [Key.String] returns, with blanks around it. The error is [ErrKey].
func ParseKey(text string) (k Key, err error) {
	text = strings.TrimSpace(text)
	if len(text) != hex.EncodedLen(len(k)) {
		return Key{}, ErrKey
	}
	if _, err := hex.Decode(k[:], []byte(text)); err != nil {
		return Key{}, ErrKey
	}
	return k, nil
}

// String returns the key in 64 hexadecimal digits. It is a secret itself.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// ID tells keys apart without giving them away: the first 8 hexadecimal digits of the key's SHA-256.
func (k Key) ID() string {
	sum := sha256.Sum256(k[:])
	return hex.EncodeToString(sum[:4])
}
