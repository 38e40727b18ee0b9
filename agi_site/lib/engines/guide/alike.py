# ruff: noqa: E501 - groups are read whole, line by line
"""Everyday words that stand for each other, so that a question in other words finds its sentence."""

from __future__ import annotations

# Forms that no ending tells.
IRREGULAR = {
    "kept": "keep", "paid": "pay", "sent": "send", "held": "hold", "made": "make", "ran": "run",
    "wrote": "write", "written": "write", "lost": "lose", "sold": "sell", "bought": "buy",
    "taught": "teach", "given": "give", "gave": "give", "taken": "take", "took": "take", "began": "begin",
    "begun": "begin", "spent": "spend", "built": "build", "led": "lead", "met": "meet", "grew": "grow",
    "grown": "grow", "left": "leave", "chose": "choose", "chosen": "choose", "came": "come", "went": "go",
    "gone": "go", "stood": "stand", "won": "win", "drove": "drive", "broke": "break", "broken": "break",
    "caught": "catch", "brought": "bring", "thought": "think", "told": "tell", "found": "find",
    "people": "person", "children": "child", "men": "man", "women": "woman", "feet": "foot", "worn": "wear",
    "wore": "wear", "hung": "hang",
}  # fmt: skip

# Groups of words that often mean the same; a shared group counts a little less than the same word.
ALIKE = [
    "cost price fee charge rate", "lead head charge manage run direct", "start begin launch open", "end finish expire until",
    "buy purchase order", "vacation holiday leave", "salary wage pay", "close shut", "allow permit let", "company firm",
    "staff employee worker", "laptop notebook computer", "budget money fund", "keep store retain", "boat ferry ship",
    "doctor physician", "big large", "cause reason", "repair fix", "send mail submit", "newcomer joiner starter", "live move reside", "job work",
    "연차 휴가", "살 살아 살지 사니 살고 이사 이사했 거주", "비용 요금 가격 값", "책임자 담당자 총괄 관리자", "직원 사원", "시작 개시", "종료 끝", "보관 저장", "회사 업체",
]  # fmt: skip
