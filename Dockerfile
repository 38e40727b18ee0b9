# One image for web, streams, workers and beat; docker-compose.yml gives each its command.

FROM python:3.13-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends default-libmysqlclient-dev pkg-config gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /src
COPY requirements.txt requirements-terminal.txt ./
RUN /opt/venv/bin/pip install -r requirements.txt && /opt/venv/bin/pip install --no-deps -r requirements-terminal.txt
COPY . .
# Message catalogues and static files are made here, so a container starts at once and writes nothing.
RUN for po in $(find locale -name '*.po' 2>/dev/null); do \
      /opt/venv/bin/python -m babel.messages.frontend compile -i "$po" -o "${po%.po}.mo"; done \
    && DATA_DIR=/tmp/build STATIC_ROOT=/src/staticfiles REDIS_URL= \
       /opt/venv/bin/python manage.py collectstatic --noinput --verbosity 0 --skip-checks \
    && /opt/venv/bin/python -m compileall -q /opt/venv /src

FROM python:3.13-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmariadb3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home --shell /usr/sbin/nologin agi \
    && install -d -o agi -g agi /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /src /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 DATA_DIR=/data STATIC_ROOT=/app/staticfiles
WORKDIR /app
USER agi
EXPOSE 8000
CMD ["gunicorn", "--config", "deploy/gunicorn.py", "agi_site.wsgi:application"]
