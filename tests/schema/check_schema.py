#!/usr/bin/env python3
"""Compare a migrated MySQL / MariaDB database with reference-schema.json (the seed's DDL).

  check_schema.py --host 127.0.0.1 --port 33097 --user root --password pw --db NAME
                  [--reference FILE] [--no-notes] [--dump SECTIONS.json]

One line per difference, grouped by table; lines that begin with "note" don't count.
The last line is "N tables checked, M conform, K differences".  Exit 0 only when K = 0; 2 on a usage/connection error.
--dump writes the database itself in the reference format to stdout instead of checking.
Needs mysqlclient or PyMySQL.
"""
import argparse, json, os, re, sys
from decimal import Decimal, InvalidOperation

try:
    import MySQLdb as driver
except ImportError:
    import pymysql as driver

NOW = 'CURRENT_TIMESTAMP'


def norm_type(t):
    """information_schema COLUMN_TYPE without what differs between engines (display widths, charset)."""
    t = re.sub(r'\s+(character set|collate)\s+\S+', '', t.strip())
    if not t.lower().startswith('enum'):
        t = t.lower()
    t = re.sub(r'^(smallint|mediumint|int|bigint)\(\d+\)', r'\1', t)
    if t.startswith('tinyint') and not t.startswith('tinyint(1)'):
        t = re.sub(r'^tinyint\(\d+\)', 'tinyint', t)
    return re.sub(r"',\s+'", "','", t)


def norm_default(raw, maria):
    """None: no default.  NOW, or the literal's text.  Undoes the two engines' spellings."""
    if raw is None:
        return None
    s = str(raw).strip()
    if maria and s.upper() == 'NULL':
        return None
    while s.startswith('(') and s.endswith(')'):
        s = s[1:-1].strip()
    if re.fullmatch(r'(current_timestamp|now|localtimestamp|localtime)(\(\d*\))?', s, re.I):
        return NOW
    if re.fullmatch(r"(utc_timestamp|sysdate)(\(\d*\))?", s, re.I):
        return s.upper()
    m = re.fullmatch(r"(?:_[a-z0-9]+\s*)?\\?'(.*?)\\?'", s, re.S)     # 'x'   _utf8mb4\'x\'
    if m:
        return m.group(1).replace("''", "'")
    if s.lower() in ('true', 'false'):
        return '1' if s.lower() == 'true' else '0'
    return s


def same_default(a, b):
    if a == b:
        return True
    try:
        return Decimal(a) == Decimal(b)
    except (InvalidOperation, TypeError):
        return False


class Catalogue:
    """information_schema of one database, asked by the name of that."""

    def __init__(self, conn, db):
        self.cur, self.db = conn.cursor(), db
        self.version = self.rows('select version()', named=False)[0][0]
        self.maria = 'mariadb' in self.version.lower()

    def rows(self, sql, named=True):
        self.cur.execute(sql, (self.db,) if named else ())
        return self.cur.fetchall()


def introspect(conn, db):
    """The server's version, whether it is MariaDB, and the tables as they are, by name."""
    of = Catalogue(conn, db)
    names = of.rows("select table_name from information_schema.tables where table_schema=%s and table_type='BASE TABLE'")
    T = {n: dict(columns={}, pk=[], unique=[], indexes=[], fulltext=[], fks=[], partitioned=False, all_indexes=[])
         for (n,) in names}
    read_columns(of, T)
    read_indexes(of, T)
    read_foreign_keys(of, T)
    for (t,) in of.rows('select distinct table_name from information_schema.partitions '
                        'where table_schema=%s and partition_name is not null'):
        if t in T:
            T[t]['partitioned'] = True
    return of.version, of.maria, T


def read_columns(of, T):
    for t, c, ct, null, dflt, extra in of.rows(
            'select table_name, column_name, column_type, is_nullable, column_default, extra '
            'from information_schema.columns where table_schema=%s order by table_name, ordinal_position'):
        if t in T:
            ct = ct.decode() if isinstance(ct, bytes) else ct
            dflt = dflt.decode() if isinstance(dflt, bytes) else dflt
            T[t]['columns'][c] = dict(name=c, type=norm_type(ct), nullable=null == 'YES',
                                      default=norm_default(dflt, of.maria), extra=extra.lower(), json=ct.lower() == 'json')
    if of.maria:   # JSON is LONGTEXT with CHECK (json_valid(`col`))
        for t, clause in of.rows('select table_name, check_clause from information_schema.check_constraints '
                                 'where constraint_schema=%s'):
            for c in re.findall(r'json_valid\(`([^`]+)`\)', clause, re.I):
                if t in T and c in T[t]['columns']:
                    T[t]['columns'][c]['json'] = True


def read_indexes(of, T):
    idx = {}
    for t, i, nonuniq, c, kind in of.rows(
            'select table_name, index_name, non_unique, column_name, index_type from information_schema.statistics '
            'where table_schema=%s order by table_name, index_name, seq_in_index'):
        if t in T:
            idx.setdefault((t, i), [int(nonuniq), kind, []])[2].append(c)
    for (t, i), (nonuniq, kind, cols) in idx.items():
        if None in cols:            # an expression index: not comparable with the reference
            continue
        if kind == 'FULLTEXT':
            T[t]['fulltext'].append(cols)
            continue
        T[t]['all_indexes'].append(cols)
        if i == 'PRIMARY':
            T[t]['pk'] = cols
        elif not nonuniq:
            T[t]['unique'].append(cols)
        else:
            T[t]['indexes'].append(cols)


def read_foreign_keys(of, T):
    fk = {}
    for t, name, c, rt, rc in of.rows(
            'select table_name, constraint_name, column_name, referenced_table_name, referenced_column_name '
            'from information_schema.key_column_usage where table_schema=%s and referenced_table_name is not null '
            'order by table_name, constraint_name, ordinal_position'):
        f = fk.setdefault((t, name), dict(cols=[], ref_table=rt, ref_cols=[]))
        f['cols'].append(c), f['ref_cols'].append(rc)
    for t, name, rule in of.rows('select table_name, constraint_name, delete_rule from '
                                 'information_schema.referential_constraints where constraint_schema=%s'):
        if (t, name) in fk:
            fk[t, name]['on_delete'] = 'RESTRICT' if rule == 'NO ACTION' else rule   # the same in InnoDB
    for (t, name), f in fk.items():
        T[t]['fks'].append(f)


def dump(T, sections):
    out = {}
    key = lambda t: [int(x) for x in sections[t].split('.')]
    for t in sorted(sections, key=key):
        d = T[t]
        out[t] = dict(
            section=sections[t],
            columns=[dict(name=c['name'], type='json' if c['json'] else c['type'], nullable=c['nullable'], default=c['default'],
                          extra=' '.join(re.sub(r'default_generated', '', c['extra']).split()))
                     for c in d['columns'].values()],
            primary_key=d['pk'], unique=sorted(d['unique']), indexes=sorted(d['indexes']),
            fulltext=sorted(d['fulltext']), foreign_keys=sorted(d['fks'], key=lambda f: f['cols']))
    return out


BLOBS = {'tinyblob', 'blob', 'mediumblob', 'longblob'}
TEXTS = {'tinytext', 'text', 'mediumtext', 'longtext'}
SIZE = {'tiny': 0, '': 1, 'medium': 2, 'long': 3}


def size(t):
    return SIZE[re.sub('(blob|text)$', '', t)]


def type_ok(ref, col):
    got = col['type']
    if ref == 'json':
        return col['json']
    if ref in BLOBS:
        return got in BLOBS and size(got) >= size(ref)
    if ref in TEXTS:                                 # a wider one of the same family is accepted
        return got in TEXTS and not col['json'] and size(got) >= size(ref)
    if ref == 'timestamp':
        return re.fullmatch(r'(timestamp|datetime)(\([0-6]\))?', got) is not None
    if ref == 'int':
        return got in ('int', 'int unsigned')
    if ref == 'bigint':                              # unsigned only where it is neither a key nor a reference
        return got == 'bigint' or (got == 'bigint unsigned' and not col.get('keyed'))
    return got == ref                                # varchar(n), decimal(p,s), enum(...), tinyint(1)


def check(ref, T, maria):
    """(differences, notes) of each table of the reference, by name."""
    out = {}
    for t, r in ref.items():
        bad, notes = out[t] = [], []
        d = T.get(t)
        if d is None:
            bad.append('table missing')
            continue
        keyed = set(r['primary_key']) | {c for f in r['foreign_keys'] for c in f['cols']}
        for c in r['columns']:
            g = d['columns'].get(c['name'])
            if g is None:
                bad.append(f"column {c['name']}: missing")
            else:
                g['keyed'] = c['name'] in keyed
                check_column(c, g, maria, bad, notes)
        extra = [n for n in d['columns'] if n not in {c['name'] for c in r['columns']}]
        if extra:
            notes.append('extra columns: ' + ', '.join(extra))
        check_keys(r, d, bad, notes)
        for f in r['foreign_keys']:
            check_foreign_key(f, d, T, bad, notes)
    return out


def check_column(c, g, maria, bad, notes):
    """One column `g` of the database against `c` of the reference."""
    n = c['name']
    if not type_ok(c['type'], g):
        what = 'longtext without a json_valid check' if c['type'] == 'json' and maria and g['type'] == 'longtext' else g['type']
        bad.append(f"column {n}: type {what}, expected {c['type']}")
    if g['nullable'] != c['nullable']:
        bad.append(f"column {n}: {'NULL' if g['nullable'] else 'NOT NULL'}, expected {'NULL' if c['nullable'] else 'NOT NULL'}")
    if ('auto_increment' in c['extra']) != ('auto_increment' in g['extra']):
        bad.append(f"column {n}: {'no ' if 'auto_increment' in c['extra'] else 'unexpected '}AUTO_INCREMENT")
    if c['default'] is not None:
        if g['default'] is None:
            bad.append(f"column {n}: no database default, expected {c['default']}")
        elif not same_default(c['default'], g['default']):
            bad.append(f"column {n}: database default {g['default']}, expected {c['default']}")
    elif g['default'] is not None:
        notes.append(f"column {n}: database default {g['default']}, the reference has none")
    if 'on update' in c['extra'] and 'on update' not in g['extra']:
        notes.append(f'column {n}: no ON UPDATE CURRENT_TIMESTAMP')


def cs(columns):
    return '(' + ', '.join(columns) + ')'


def check_keys(r, d, bad, notes):
    """Primary key and indexes; a partitioned table may have wider ones."""
    part = d['partitioned']
    if d['pk'] != r['primary_key']:
        (notes if part and d['pk'][:len(r['primary_key'])] == r['primary_key'] else bad).append(
            f"primary key {cs(d['pk'])}, expected {cs(r['primary_key'])}" + (' (partitioned)' if part else ''))
    uniq = [set(u) for u in d['unique'] + [d['pk']]]
    for u in r['unique']:
        if set(u) not in uniq:
            (notes if part else bad).append(f'unique key {cs(u)}: missing' + (' (partitioned)' if part else ''))
    for i in r['indexes']:
        if not any(x[:len(i)] == i for x in d['all_indexes']):
            bad.append(f'index {cs(i)}: missing')
    for i in r['fulltext']:
        if not any(set(x) == set(i) for x in d['fulltext']):
            bad.append(f'FULLTEXT index {cs(i)}: missing')


def check_foreign_key(f, d, T, bad, notes):
    """One foreign key; a partitioned table has none, and none leads to it."""
    want = f"foreign key {cs(f['cols'])} -> {f['ref_table']}{cs(f['ref_cols'])} ON DELETE {f['on_delete']}"
    got = [g for g in d['fks'] if g['cols'] == f['cols']]
    target_part = T.get(f['ref_table'], {}).get('partitioned')
    if not got and (d['partitioned'] or target_part):
        notes.append(want + f": missing ({'this' if d['partitioned'] else 'the referenced'} table is partitioned)")
    elif not got:
        bad.append(want + ': missing')
    elif not any(g['ref_table'] == f['ref_table'] and g['ref_cols'] == f['ref_cols'] for g in got):
        bad.append(want + f": references {got[0]['ref_table']}{cs(got[0]['ref_cols'])}")
    elif not any(g['ref_table'] == f['ref_table'] and g['on_delete'] == f['on_delete'] for g in got):
        bad.append(want + f": the database says ON DELETE {got[0]['on_delete']}")


def reference():
    """The seed's tables, by name."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'reference-schema.json'), encoding='utf-8') as f:
        return json.load(f)


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--host', default='127.0.0.1')
    p.add_argument('--port', type=int, default=3306)
    p.add_argument('--user', default='root')
    p.add_argument('--password', default=os.environ.get('MYSQL_PWD', ''))
    p.add_argument('--db', required=True)
    p.add_argument('--reference', default=os.path.join(os.path.dirname(os.path.abspath(__file__)), 'reference-schema.json'))
    p.add_argument('--no-notes', action='store_true')
    p.add_argument('--dump', metavar='SECTIONS.json')
    a = p.parse_args(argv)
    try:
        conn = driver.connect(host=a.host, port=a.port, user=a.user, password=a.password, database=a.db, charset='utf8mb4')
    except driver.Error as e:
        print(f'cannot connect: {e}', file=sys.stderr)
        return 2
    version, maria, T = introspect(conn, a.db)
    if a.dump:
        json.dump(dump(T, json.load(open(a.dump))), sys.stdout, indent=1, ensure_ascii=False)
        return 0
    ref = json.load(open(a.reference, encoding='utf-8'))
    res = check(ref, T, maria)
    k = 0
    for t, (bad, notes) in res.items():
        for b in bad:
            print(f'{t}: {b}')
        if not a.no_notes:
            for n in notes:
                print(f'note {t}: {n}')
        k += len(bad)
    ok = sum(not bad for bad, _ in res.values())
    print(f'{len(res)} tables checked, {ok} conform, {k} differences')
    return 0 if k == 0 else 1


if __name__ == '__main__':
    sys.exit(main())
