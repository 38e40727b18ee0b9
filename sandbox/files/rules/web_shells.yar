// Scripts for web servers that run what a request says.
rule Web_shell_php
{
    meta:
        description = "PHP that evaluates or runs a value of the request"
    strings:
        $php = /<\?(php|=|\s)/ nocase
        $run = /\b(eval|assert|system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec)\s*\(\s*(@?\s*(base64_decode|gzinflate|gzuncompress|str_rot13|stripslashes|trim|urldecode)\s*\(\s*){0,4}@?\s*\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)\b/ nocase
        $backtick = /`\s*\$_(GET|POST|REQUEST|COOKIE)\s*\[/ nocase
        $called = /\$_(GET|POST|REQUEST|COOKIE)\s*\[[^\]]{1,40}\]\s*\(\s*\$_(GET|POST|REQUEST|COOKIE)/ nocase
        $input = /\b(eval|assert)\s*\(\s*(base64_decode\s*\(\s*)?file_get_contents\s*\(\s*['"]php:\/\/input/ nocase
        $replace = /preg_replace\s*\(\s*['"]\/[^'"]{0,40}\/[a-z]{0,4}e[a-z]{0,4}['"]\s*,\s*\$_(GET|POST|REQUEST|COOKIE)/ nocase
    condition:
        filesize < 5MB and $php and any of ($run, $backtick, $called, $input, $replace)
}

rule Web_shell_packed_php
{
    meta:
        description = "PHP that evaluates long text which it unpacks several times over"
    strings:
        $php = /<\?(php|=|\s)/ nocase
        $eval = /eval\s*\(\s*(gzinflate|gzuncompress|str_rot13|strrev)\s*\(\s*(base64_decode|str_rot13|strrev|gzinflate)\s*\(\s*['"][A-Za-z0-9+\/=]{200}/ nocase
    condition:
        filesize < 5MB and all of them
}

rule Web_shell_by_name
{
    meta:
        description = "The names that well-known web shells give themselves"
    strings:
        $c99 = "c99shell" nocase
        $r57 = "r57shell" nocase
        $b374k = "b374k" nocase
        $wso = "Web Shell by oRb" nocase
        $china = "China Chopper" nocase
        $php = /<\?(php|=|\s)/ nocase
    condition:
        filesize < 5MB and $php and any of ($c99, $r57, $b374k, $wso, $china)
}

rule Web_shell_jsp_or_asp
{
    meta:
        description = "JSP or ASP that runs a value of the request"
    strings:
        $jsp = /getRuntime\s*\(\s*\)\s*\.\s*exec\s*\(\s*(new\s+String\s*\[\s*\]\s*\{[^}]{0,60})?request\s*\.\s*getParameter/ nocase
        $asp = /<%[^%]{0,60}\b(eval|execute)\s*\(?\s*request\b/ nocase
        $aspx = /eval\s*\(\s*Request\s*\.?\s*(Item)?\s*[\[(][^\])]{1,40}[\])]\s*,\s*"unsafe"/ nocase
    condition:
        filesize < 5MB and any of them
}
