// Package credentials is what one server shows and knows in sealed mode: the keys of its telegrams on UDP, and its certificate for
// TLS 1.3 on TCP.
//
// A server has them in one folder, as renraku keygen makes it:
//
//	keys           mode 0600, text: a line of comment that begins with "#", then for a slave, for each key ID,
//	                 ID to-slave HEX64
//	                 ID to-manager HEX64
//	               and for the manager, for each key ID,
//	                 ID master HEX64
//	               the IDs ascending, 1 to 65535, at most two: the newest is the last. One space between the words, HEX64 in small
//	               letters, a line feed after each line.
//	host.crt       its certificate (X.509, PEM)
//	host.key       mode 0600, the private key of it (PKCS #8, PEM)
//	authority.crt  the certificate of the authority that signed all certificates of the fleet (PEM)
//
// A certificate is one of ECDSA P-256 (FIPS 186-5). Its subject is O=renraku, OU=manager or OU=slave, CN=the host name, and it is for
// both ends of a connection (the extended key usages clientAuth and serverAuth).
//
// The files, and what each owns: keys.go the file of keys, authority.go and certificate.go the certificates, credentials.go all that one
// server has, security.go the handshakes with them, issuer.go those of a program that answers as many servers, failure.go what can be
// wrong with a handshake.
package credentials
