package sip

// sysSendmmsg is missing in package syscall, which was closed before it came.
const sysSendmmsg = 307
