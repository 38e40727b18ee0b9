// Programs that mine coins on somebody else's processors, and their configurations.
rule Miner_pool_protocol
{
    meta:
        description = "Speaks of a mining pool's address together with what only a miner says"
    strings:
        $pool = /stratum[12]?\+(tcp|ssl|tls):\/\/[a-z0-9.-]{4,}/ nocase
        $a = "donate-level" nocase
        $b = "mining.subscribe"
        $c = "mining.authorize"
        $d = "cryptonight" nocase
        $e = "randomx" nocase
        $f = "rx/0"
        $g = "--coin" nocase
        $h = "hashrate" nocase
        $i = "nicehash" nocase
        $j = "xmrig" nocase
        $k = "minerd" nocase
        $l = "cpuminer" nocase
    condition:
        $pool and any of ($a, $b, $c, $d, $e, $f, $g, $h, $i, $j, $k, $l)
}

rule Miner_program
{
    meta:
        description = "An executable with the strings of a well-known miner"
    strings:
        $xmrig_1 = "xmrig" nocase
        $xmrig_2 = "donate-level"
        $xmrig_3 = "randomx" nocase
        $xmrig_4 = "cn/r"
        $cpuminer_1 = "cpuminer" nocase
        $cpuminer_2 = "mining.subscribe"
        $ethminer_1 = "ethminer"
        $ethminer_2 = "eth_submitWork"
    condition:
        (uint32(0) == 0x464c457f or uint16(0) == 0x5a4d) and
        (3 of ($xmrig_*) or all of ($cpuminer_*) or all of ($ethminer_*))
}

rule Miner_configuration
{
    meta:
        description = "A configuration of xmrig: pools, a share for its makers, and algorithms"
    strings:
        $pools = "\"pools\""
        $donate = "\"donate-level\""
        $randomx = "\"randomx\""
        $cn = "\"cn/0\""
        $cpu = "\"max-threads-hint\""
    condition:
        filesize < 1MB and $pools and $donate and any of ($randomx, $cn, $cpu)
}
