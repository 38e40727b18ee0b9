"""Sockets that ordinary programs do not need: raw ones, packets, the machine below, the kernel's own talk."""

import socket

from kit import attempt

AF_ALG, AF_VSOCK, AF_XDP, NETLINK_AUDIT, NETLINK_NETFILTER, ETH_ALL = 38, 40, 44, 9, 12, 0x0300


def make(family, kind, protocol=0):
    socket.socket(family, kind, protocol).close()
    return "a socket"


attempt("raw_icmp", make, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
attempt("raw_ip", make, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
attempt("raw_icmp6", make, socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
attempt("packet", make, socket.AF_PACKET, socket.SOCK_RAW, ETH_ALL)
attempt("packet_datagram", make, socket.AF_PACKET, socket.SOCK_DGRAM, ETH_ALL)
attempt("vsock", make, AF_VSOCK, socket.SOCK_STREAM)
attempt("alg", make, AF_ALG, socket.SOCK_SEQPACKET)
attempt("xdp", make, AF_XDP, socket.SOCK_RAW)
attempt("netlink_netfilter", make, socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
attempt("netlink_audit", make, socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
