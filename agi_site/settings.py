"""Settings, read from the environment (and `.env`) by django-environ; the defaults need nothing else.

`docs/settings.md` lists each name. Every name may also be given as `NAME_FILE`: a file with the value.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

import environ
from django.utils.translation import gettext_lazy as _

from agi_site import secrets
from agi_site.unfold import UNFOLD  # noqa: F401 - read by the admin theme

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env")

# --- The two ways to run ----------------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="")
EMBEDDED = not REDIS_URL
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var")))
DEBUG = env.bool("DEBUG", default=False)

_kept = secrets.load_or_create(DATA_DIR) if EMBEDDED else {}
SECRET_KEY = env.str("SECRET_KEY", default=_kept.get("SECRET_KEY", environ.Env.NOTSET))
ENCRYPTION_KEYS = env.list(
    "ENCRYPTION_KEYS", default=[_kept["ENCRYPTION_KEYS"]] if _kept else environ.Env.NOTSET
)

HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SIGN_UP_OPEN = env.bool("SIGN_UP_OPEN", default=True)
# Ports of sandboxes are origins of their own below this name: <port>-<sandbox>.<domain>. Browsers take
# *.localhost for this machine. Elsewhere use a name that shares no cookies with the site's; empty switches
# ports in pages off.
SANDBOX_DOMAIN = env.str("SANDBOX_DOMAIN", default=f"localhost:{PORT}" if EMBEDDED else "").lower()

# --- Apps, from the roof down: floors import and refer only to what stands after them ---------------------
INSTALLED_APPS = [
    "agi_site.apps.AgiSiteConfig",
    "conversations",
    "planning",
    "creative",
    "transfer",
    "tools",
    "sandbox",
    "knowledge",
    "media",
    "learning",
    "emotions",
    "explanations",
    "adaptation",
    "reinforcement",
    "accounts",
    "system",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "agi_site.middleware.request_id",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.SessionRowMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "agi_site.problem_pages.ProblemPages",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
]

ROOT_URLCONF = "agi_site.urls"
WSGI_APPLICATION = "agi_site.wsgi.application"
ASGI_APPLICATION = "agi_site.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "agi_site.context_processors.site",
            ],
        },
    },
]

# --- Data -------------------------------------------------------------------------------------------------
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'agi.sqlite3'}")}
DATABASES["default"].setdefault("OPTIONS", {})
if DATABASES["default"]["ENGINE"].endswith("mysql"):
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] |= {
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        # Defaults of the database are in the session's zone, and MariaDB's own mode lets mistakes through.
        "init_command": "SET time_zone='+00:00', "
        "sql_mode='ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
        "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
    }
else:
    DATABASES["default"]["OPTIONS"] |= {
        # The write lock is taken when a transaction begins, so that a claim waits instead of failing.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
    }

CACHES: dict[str, dict[str, object]]
if EMBEDDED:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
else:
    CACHES = {
        "default": {
            "BACKEND": "agi_site.lib.counting.CountingRedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "agi",
            # A Redis that is away must not make pages hang.
            "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 5},
        }
    }

# --- People -----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.RoleBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "accounts:sign_in"
# The signed cookie carries only the session's opaque token; the row in table `session` decides.
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_COOKIE_NAME = "agi_session"
SESSION_COOKIE_AGE = env.int("SESSION_DAYS", default=14) * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("SECURE_COOKIES", default=not EMBEDDED)
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
SECURE_PROXY_SSL_HEADER = None if EMBEDDED else ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=0 if EMBEDDED else 31_536_000)
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)
SECURE_REFERRER_POLICY = "same-origin"
API_TOKEN_AGE = env.int("API_TOKEN_DAYS", default=90) * 24 * 3600
# Failed sign-ins within the window, after which an account or an address has to wait.
SIGN_IN_WINDOW = env.int("SIGN_IN_WINDOW", default=300)
SIGN_IN_ATTEMPTS = env.int("SIGN_IN_ATTEMPTS", default=10)
SIGN_IN_ATTEMPTS_PER_ADDRESS = env.int("SIGN_IN_ATTEMPTS_PER_ADDRESS", default=50)
SIGN_UPS_PER_ADDRESS = env.int("SIGN_UPS_PER_ADDRESS", default=20)  # within an hour
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0 if EMBEDDED else 1)

# Without a mail server, messages (the link that resets a password) stand in the operator's log.
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="AGI Site <agi-site@localhost>")
MAILERS: dict[str, dict[str, object]] = {"default": {"BACKEND": "accounts.mail.OperatorLogBackend"}}
if _mail_host := env.str("EMAIL_HOST", default=""):
    MAILERS["default"] = {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": _mail_host,
            "port": env.int("EMAIL_PORT", default=587),
            "username": env.str("EMAIL_USER", default=""),
            "password": env.str("EMAIL_PASSWORD", default=""),
            "use_tls": env.bool("EMAIL_TLS", default=True),
            "timeout": 20,
        },
    }

SECURE_CSP = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "style-src": ["'self'", "'unsafe-inline'"],
    # Alpine, in the admin theme, compiles expressions; our own pages carry no inline script.
    "script-src": ["'self'", "'unsafe-eval'"],
    "frame-ancestors": ["'none'"],
    "base-uri": ["'self'"],
    "form-action": ["'self'"],
}

# --- Language and time ------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["agi_site.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

# --- Files ------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
WHITENOISE_USE_FINDERS = EMBEDDED
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "sandbox.xterm.XtermFinder",  # the browser terminal's program
]
MEDIA_ROOT = DATA_DIR / "media"
# the images, recordings and videos of one person, together
MEDIA_QUOTA_BYTES = env.int("MEDIA_QUOTA_BYTES", default=2 << 30)

# --- Work -------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL or "memory://localhost/"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
if not EMBEDDED:
    # Whoever stores a task does not wait for a broker that is away: the sweep sends the wake-up later.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.1,
        "connect_retries_timeout": 2,
    }
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
TASK_LEASE_SECONDS = env.int("TASK_LEASE_SECONDS", default=30)
TASK_SWEEP_SECONDS = env.int("TASK_SWEEP_SECONDS", default=5)
TURN_MAX_ROUNDS = env.int("TURN_MAX_ROUNDS", default=6)
TURN_WINDOW_MESSAGES = env.int("TURN_WINDOW_MESSAGES", default=60)
# How many workers at most one run of a plan takes at a time.
PLAN_LANES = env.int("PLAN_LANES", default=2 if EMBEDDED else 4)
TASK_RETRY_SECONDS = env.float("TASK_RETRY_SECONDS", default=2.0)  # before the first retry; then it doubles
TASK_RESEND_SECONDS = env.float("TASK_RESEND_SECONDS", default=20.0)  # then a wake-up is lost

# --- Engines ----------------------------------------------------------------------------------------------
CHAT_BASE_URL = env.str("CHAT_BASE_URL", default="")
CHAT_API_KEY = env.str("CHAT_API_KEY", default="")
CHAT_MODEL = env.str("CHAT_MODEL", default="")
CHAT_ENGINE = env.str("CHAT_ENGINE", default="openai" if CHAT_BASE_URL else "guide")
CHAT_CONTEXT_WINDOW = env.int("CHAT_CONTEXT_WINDOW", default=8192)
CHAT_TIMEOUT = env.float("CHAT_TIMEOUT", default=120.0)
CHAT_VISION = env.str("CHAT_VISION", default="auto")  # whether the model sees pictures: auto, on, off
EMBEDDING_BASE_URL = env.str("EMBEDDING_BASE_URL", default="")
EMBEDDING_API_KEY = env.str("EMBEDDING_API_KEY", default="")
EMBEDDING_FORMER_BASE_URL = env.str("EMBEDDING_FORMER_BASE_URL", default="")
EMBEDDING_FORMER_API_KEY = env.str("EMBEDDING_FORMER_API_KEY", default="")
EMBEDDING_MODEL = env.str("EMBEDDING_MODEL", default="")
EMBEDDING_ENGINE = env.str("EMBEDDING_ENGINE", default="openai" if EMBEDDING_BASE_URL else "packaged")
RERANK_BASE_URL = env.str("RERANK_BASE_URL", default="")
RERANK_API_KEY = env.str("RERANK_API_KEY", default="")
RERANK_MODEL = env.str("RERANK_MODEL", default="")
# From how many rows on an index of vectors is built; below, exact search takes a few milliseconds.
VECTOR_INDEX_ROWS = env.int("VECTOR_INDEX_ROWS", default=20_000)
VECTOR_CACHE_BYTES = env.int("VECTOR_CACHE_BYTES", default=1 << 30)  # of matrices in each process
# A Qdrant server that searches vectors in the place of this machine's files.
VECTOR_STORE_URL = env.str("VECTOR_STORE_URL", default="")
VECTOR_STORE_API_KEY = env.str("VECTOR_STORE_API_KEY", default="")
VECTOR_STORE_PREFIX = env.str("VECTOR_STORE_PREFIX", default="agi-")  # of its collections' names
LANGUAGE_ENGINE = env.str("LANGUAGE_ENGINE", default="offline")
MODELS_DIR = Path(env.str("MODELS_DIR", default=str(DATA_DIR / "models")))

# --- Sandboxes --------------------------------------------------------------------------------------------
# Docker engines by the name of their host: workers of queue `sandbox.<name>` hold it, the web process never.
SANDBOX_HOSTS = env.dict("SANDBOX_HOSTS", default={"local": env.str("DOCKER_HOST", default="")})
# What marks this site's containers, so that several sites may share an engine.
SANDBOX_SITE = env.str("SANDBOX_SITE", default=sha256(f"sandbox:{SECRET_KEY}".encode()).hexdigest()[:12])
# Where the agent of a host listens for the web process; port 0 is any free one. In the full stack it is
# reached over the internal network, by the name of the worker.
SANDBOX_GATEWAY_BIND = env.str("SANDBOX_GATEWAY_BIND", default="127.0.0.1:0")
SANDBOX_GATEWAY_NAME = env.str("SANDBOX_GATEWAY_NAME", default="")
SANDBOX_QUOTA_COUNT = env.int("SANDBOX_QUOTA_COUNT", default=10)  # sandboxes of one person at a time
SANDBOX_QUOTA_SECONDS = env.int("SANDBOX_QUOTA_SECONDS", default=100 * 3600)  # of running, in 24 hours
SANDBOX_MOUNT_ROOTS = env.list("SANDBOX_MOUNT_ROOTS", default=[])  # folders of hosts that policies may mount
# Whether hosts' kernels are given room in what they count per user, which all sandboxes of a host share.
SANDBOX_RAISE_HOST_LIMITS = env.bool("SANDBOX_RAISE_HOST_LIMITS", default=True)
SANDBOX_BACKUP_HOURS = env.int("SANDBOX_BACKUP_HOURS", default=24)
# A folder of YARA rules (*.yar) beside the program's own, and ClamAV's daemon (tcp://host:3310, unix:///path).
SANDBOX_SCAN_RULES = env.str("SANDBOX_SCAN_RULES", default="")
CLAMD_URL = env.str("CLAMD_URL", default="")
SANDBOX_KEPT_DAYS = env.int("SANDBOX_KEPT_DAYS", default=30)  # rows of deleted sandboxes

# --- The way out ------------------------------------------------------------------------------------------
# Private hosts that tools, tool servers and webhooks may reach all the same: names, addresses, networks.
OUTBOUND_PRIVATE_HOSTS = env.list("OUTBOUND_PRIVATE_HOSTS", default=[])
# The hosts whose pages the tool `web_fetch` may open; empty switches it off, `*` is every public one.
WEB_FETCH_HOSTS = env.list("WEB_FETCH_HOSTS", default=[])

# --- REST -------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "accounts.authentication.PageSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "agi_site.lib.api.paging.KeysetPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_FILTER_BACKENDS": [
        "agi_site.lib.api.filters.FieldFilters",
        "agi_site.lib.api.paging.KeysetOrderingFilter",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["agi_site.lib.api.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "agi_site.lib.api.schema.HouseAutoSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "agi_site.lib.api.throttles.PersonThrottle",
        "agi_site.lib.api.throttles.VisitorThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "person": env.str("API_RATE", default="6000/min"),
        "visitor": env.str("API_VISITOR_RATE", default="60/min"),
    },
    "NUM_PROXIES": TRUSTED_PROXIES,
    "EXCEPTION_HANDLER": "agi_site.lib.api.errors.problem_handler",
    "DEFAULT_VERSIONING_CLASS": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "AGI Site",
    "DESCRIPTION": "The assistant's whole mind over REST: each table of the schema is a resource.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Hundreds of operations: groups open when they are wanted, and are found by their names.
    "SWAGGER_UI_SETTINGS": {
        "docExpansion": "none",
        "defaultModelsExpandDepth": -1,
        "filter": True,
        "deepLinking": True,
        "persistAuthorization": True,
    },
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    # Sets of choices that stand in several tables.
    "ENUM_NAME_OVERRIDES": {
        "BuildStatusEnum": "sandbox.models.BuildStatus",
        "ExecEnvEnum": "tools.models.ExecEnv",
        "ExecutionKindEnum": "sandbox.models.ExecutionKind",
        "ExecutionStatusEnum": "sandbox.models.ExecutionStatus",
        "JobStatusEnum": "learning.models.TrainingJobStatus",
        "KnowledgeSourceKindEnum": "transfer.models.SourceKind",
        "MemoryTypeEnum": "knowledge.models.MemoryType",
        "PolicyEffectEnum": "tools.models.PolicyEffect",
        "RanInEnum": "tools.models.RanIn",
        "RunStatusEnum": "planning.models.PlanStatus",
        "StepKindEnum": "planning.models.StepKind",
        "ToolKindEnum": "tools.models.ToolKind",
        "ToolSourceKindEnum": "tools.models.SourceKind",
    },
}

# Warnings and worse also go to table `log`, where operators read them.
LOG_TO_TABLE = env.bool("LOG_TO_TABLE", default=True)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain"},
        "table": {"class": "system.logging.TableHandler", "level": "WARNING"},
    },
    "root": {
        "handlers": ["console", "table"] if LOG_TO_TABLE else ["console"],
        "level": env.str("LOG_LEVEL", default="WARNING"),
    },
}
if not LOG_TO_TABLE:
    del LOGGING["handlers"]["table"]  # type: ignore[attr-defined]
