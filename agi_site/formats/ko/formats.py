"""Korean dates as people write them: Django's own form puts the half of the day behind the time."""

DATETIME_FORMAT = "Y년 n월 j일 A g:i"
