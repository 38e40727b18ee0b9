// One-liners and small scripts that hand a shell to somebody over the network.
rule Reverse_shell_one_liner
{
    meta:
        description = "A well-known one-line reverse shell"
    strings:
        $bash = /(bash|sh|zsh)\s+-[il]{1,2}\s*(>&|&>|[0-9]?>&?)\s*\/dev\/(tcp|udp)\/[^\s\/]{1,255}\/[0-9$]/
        $exec = /exec\s+[0-9]{1,3}<>\s*\/dev\/(tcp|udp)\/[^\s\/]{1,255}\/[0-9$]/
        $netcat = /\b(nc|ncat|netcat)(\.traditional|\.exe)?\s+[^\n|;]{0,100}-[a-z]{0,4}[ec]\s*['"]?(\/usr)?(\/bin\/)?(ba|da|z|k)?sh\b/
        $fifo = /mkfifo\s+(\S+)\s*[;&]+\s*cat\s+\S+\s*\|\s*(\/bin\/)?(ba)?sh\s+-i[^\n|]{0,20}\|\s*(nc|ncat|netcat|openssl)\b/
        $socat = /socat\b[^\n]{0,120}exec:['"]?[^\n]{0,20}\b(ba|z)?sh\b[^\n]{0,60}\bpty\b/ nocase
        $telnet = /telnet\s+\S+\s+[0-9]+\s*\|\s*(\/bin\/)?(ba)?sh\s*\|\s*telnet\b/
        $awk = /["]\/inet\/tcp\/0\/[^"]/
    condition:
        filesize < 5MB and any of them
}

rule Reverse_shell_python
{
    meta:
        description = "Python: a socket that connects, its descriptor on 0, 1 and 2, then a shell"
    strings:
        $connect = /\.connect(_ex)?\s*\(\s*\(/
        $dup0 = /dup2\s*\(\s*\w+(\.fileno\(\))?\s*,\s*0\s*\)/
        $dup1 = /dup2\s*\(\s*\w+(\.fileno\(\))?\s*,\s*1\s*\)/
        $dups = /dup2\s*\(\s*\w+(\.fileno\(\))?\s*,\s*\w+\s*\)/
        $loop = /for\s+\w+\s+in\s+(\(\s*0\s*,\s*1\s*,\s*2\s*\)|\[\s*0\s*,\s*1\s*,\s*2\s*\]|range\(3\))/
        $shell = /(pty\.spawn|subprocess\.(call|run|Popen)|os\.(system|exec[lv]p?e?))\s*\(\s*[\[(]?\s*['"](\/usr)?(\/bin\/)?(ba|da|z)?sh\b/
    condition:
        filesize < 5MB and $connect and $shell and (($dup0 and $dup1) or ($dups and $loop))
}

rule Reverse_shell_other_language
{
    meta:
        description = "Perl, PHP, Ruby or Node: a socket that connects, and a shell on it"
    strings:
        $perl_1 = "use Socket" nocase
        $perl_2 = /open\s*\(\s*STDIN\s*,\s*['"]>&/
        $perl_3 = /exec\s*\(?\s*[{(]?\s*['"]\/bin\/(ba)?sh\s+-i/
        $php_1 = /fsockopen\s*\(/
        $php_2 = /(proc_open|shell_exec|popen|passthru|exec)\s*\(\s*['"](\/bin\/)?(ba)?sh\s+-i/
        $ruby_1 = "TCPSocket"
        $ruby_2 = /exec\s*\(?\s*(sprintf\s*\(\s*)?['"]\/bin\/(ba)?sh\s+-i/
        $node_1 = /(net\.connect|\.connect)\s*\(\s*[0-9]+\s*,/
        $node_2 = /spawn\s*\(\s*['"](\/bin\/)?(ba)?sh['"]/
        $node_3 = /\.stdout\.pipe\s*\(/
    condition:
        filesize < 5MB and (all of ($perl_*) or all of ($php_*) or all of ($ruby_*) or all of ($node_*))
}

rule Reverse_shell_powershell
{
    meta:
        description = "PowerShell: a TCP client whose input is evaluated"
    strings:
        $client = /Net\.Sockets\.TCPClient/ nocase
        $stream = ".GetStream()" nocase
        $evaluate = /(iex|invoke-expression)\b/ nocase
    condition:
        filesize < 5MB and all of them
}
