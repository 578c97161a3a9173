// Package clients has tests alone: programs as clew's users have them, with the libraries that
// they have, send to clew's doors.
package clients
