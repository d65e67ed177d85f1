// Judges servers as crypto/tls and crypto/x509 do; see tests/verifiers/stream.py for what it reads and writes.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

const patience = 10 * time.Second

func greeting(address, name, anchors string) error {
	pem, err := os.ReadFile(anchors)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("x509: cannot read the anchor")
	}
	plain, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer plain.Close()
	plain.SetDeadline(time.Now().Add(patience))
	_, err = bufio.NewReader(tls.Client(plain, &tls.Config{RootCAs: roots, ServerName: name})).ReadString('\n')
	return err
}

func main() {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		field := strings.Split(lines.Text(), "\t")
		err := greeting(net.JoinHostPort(field[1], field[2]), field[3], field[4])
		if err == nil {
			fmt.Printf("%s\taccepted\t\n", field[0])
		} else {
			fmt.Printf("%s\trejected\t%s\n", field[0], strings.Join(strings.Fields(err.Error()), " "))
		}
	}
}
