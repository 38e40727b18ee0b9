// Not bad by themselves, but worth a line in the sandbox's history: `action = "report"` does not hold a file back.
rule Packed_by_UPX
{
    meta:
        description = "An executable packed by UPX, which hides what it holds from scanners"
        action = "report"
    strings:
        $magic = "UPX!"
        $info = "This file is packed with the UPX executable packer"
        $section = "UPX0"
    condition:
        (uint32(0) == 0x464c457f or uint16(0) == 0x5a4d) and $magic and any of ($info, $section)
}
