//go:build linux && (arm64 || riscv64)

package sip

import "syscall"

const sysSendmmsg = syscall.SYS_SENDMMSG
