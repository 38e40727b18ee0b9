"""Cities and countries as people call them in English and Korean, and the time zone that is meant."""

_NAMES = """
Asia/Seoul: seoul, busan, incheon, daegu, daejeon, gwangju, jeju, korea, south korea, 서울, 부산, 인천, 대구
Asia/Seoul: 대전, 광주, 제주, 한국, 대한민국
Asia/Pyongyang: pyongyang, north korea, 평양, 북한
Asia/Tokyo: tokyo, osaka, kyoto, sapporo, fukuoka, japan, 도쿄, 동경, 오사카, 교토, 삿포로, 후쿠오카, 일본
Asia/Shanghai: beijing, shanghai, shenzhen, guangzhou, china, 베이징, 북경, 상하이, 상해, 선전, 광저우, 중국
Asia/Hong_Kong: hong kong, hongkong, 홍콩
Asia/Taipei: taipei, taiwan, 타이베이, 대만
Asia/Singapore: singapore, 싱가포르
Asia/Bangkok: bangkok, thailand, 방콕, 태국
Asia/Ho_Chi_Minh: ho chi minh city, saigon, hanoi, vietnam, 호치민, 하노이, 베트남
Asia/Jakarta: jakarta, 자카르타
Asia/Manila: manila, philippines, 마닐라, 필리핀
Asia/Kuala_Lumpur: kuala lumpur, malaysia, 쿠알라룸푸르, 말레이시아
Asia/Kolkata: delhi, mumbai, bangalore, kolkata, india, new delhi, 델리, 뉴델리, 뭄바이, 벵갈루루, 인도
Asia/Dubai: dubai, abu dhabi, 두바이, 아부다비
Asia/Riyadh: riyadh, saudi arabia, 리야드
Asia/Jerusalem: jerusalem, israel, tel aviv, 예루살렘, 텔아비브, 이스라엘
Asia/Tehran: tehran, iran, 테헤란, 이란
Asia/Ulaanbaatar: ulaanbaatar, mongolia, 울란바토르, 몽골
Europe/Istanbul: istanbul, turkey, 이스탄불, 튀르키예, 터키
Europe/Moscow: moscow, 모스크바
Europe/London: london, edinburgh, uk, england, britain, united kingdom, 런던, 영국, 에든버러
Europe/Dublin: dublin, ireland, 더블린, 아일랜드
Europe/Lisbon: lisbon, portugal, 리스본, 포르투갈
Europe/Paris: paris, france, 파리, 프랑스
Europe/Berlin: berlin, munich, frankfurt, hamburg, germany, 베를린, 뮌헨, 프랑크푸르트, 함부르크, 독일
Europe/Madrid: madrid, barcelona, spain, 마드리드, 바르셀로나, 스페인
Europe/Rome: rome, milan, italy, 로마, 밀라노, 이탈리아
Europe/Amsterdam: amsterdam, netherlands, 암스테르담, 네덜란드
Europe/Brussels: brussels, belgium, 브뤼셀, 벨기에
Europe/Zurich: zurich, geneva, switzerland, 취리히, 제네바, 스위스
Europe/Vienna: vienna, austria, 빈, 오스트리아
Europe/Prague: prague, 프라하, 체코
Europe/Warsaw: warsaw, poland, 바르샤바, 폴란드
Europe/Stockholm: stockholm, sweden, 스톡홀름, 스웨덴
Europe/Oslo: oslo, norway, 오슬로, 노르웨이
Europe/Copenhagen: copenhagen, denmark, 코펜하겐, 덴마크
Europe/Helsinki: helsinki, finland, 헬싱키, 핀란드
Europe/Athens: athens, greece, 아테네, 그리스
Europe/Kyiv: kyiv, kiev, ukraine, 키이우, 우크라이나
Africa/Cairo: cairo, egypt, 카이로, 이집트
Africa/Johannesburg: johannesburg, cape town, south africa, 요하네스버그, 케이프타운
Africa/Nairobi: nairobi, kenya, 나이로비, 케냐
Africa/Lagos: lagos, nigeria, 라고스, 나이지리아
America/New_York: nyc, boston, washington, miami, atlanta, philadelphia, new york, new york city, washington
America/New_York: dc, 뉴욕, 보스턴, 워싱턴, 마이애미, 애틀랜타
America/Chicago: chicago, houston, dallas, austin, 시카고, 휴스턴, 댈러스
America/Denver: denver, 덴버
America/Phoenix: phoenix, 피닉스
America/Los_Angeles: la, seattle, los angeles, san francisco, san diego, las vegas, 로스앤젤레스, 엘에이
America/Los_Angeles: 샌프란시스코, 시애틀, 라스베이거스
America/Anchorage: anchorage, alaska, 앵커리지
Pacific/Honolulu: honolulu, hawaii, 호놀룰루, 하와이
America/Toronto: toronto, montreal, ottawa, 토론토, 몬트리올, 오타와
America/Vancouver: vancouver, 밴쿠버
America/Mexico_City: mexico, mexico city, 멕시코시티, 멕시코
America/Sao_Paulo: rio, brasilia, sao paulo, são paulo, rio de janeiro, 상파울루, 리우
America/Argentina/Buenos_Aires: buenos aires, argentina, 부에노스아이레스, 아르헨티나
America/Santiago: santiago, chile, 산티아고, 칠레
America/Bogota: bogota, colombia, 보고타, 콜롬비아
America/Lima: lima, peru, 리마, 페루
Australia/Sydney: sydney, canberra, 시드니, 캔버라
Australia/Melbourne: melbourne, 멜버른
Australia/Brisbane: brisbane, 브리즈번
Australia/Perth: perth, 퍼스
Pacific/Auckland: auckland, wellington, new zealand, 오클랜드, 웰링턴, 뉴질랜드
"""


def _by_name() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _NAMES.strip().splitlines():
        zone, _colon, names = line.partition(": ")
        found |= dict.fromkeys(names.split(", "), zone)
    return found


# Name, case-folded, to IANA zone.
CITIES = _by_name()
