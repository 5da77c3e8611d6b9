"""Loads a members table into SQLite by prepared inserts in one transaction. Prints the seconds."""

import csv
import os
import sqlite3
import sys
import time

path, database = sys.argv[1:]
if os.path.exists(database):
    os.remove(database)
connection = sqlite3.connect(database, isolation_level=None)
connection.execute("pragma journal_mode = wal")
connection.execute("pragma synchronous = full")
connection.execute(
    """create table peer (tenant_id text not null default 'bench', kind text not null default 'member',
       licence_number text not null, given_name text, family_name text, birth_date text, sex text, nationality text,
       club text, category text, licence_type text, season text, email text, phone text, valid_to text,
       primary key (tenant_id, kind, licence_number))"""
)
# The rows are parsed before the clock starts: the peer is SQLite, not the parser of this script.
with open(path, newline="", encoding="utf-8") as file:
    columns, *rows = csv.reader(file)
insert = f"insert into peer ({','.join(columns)}) values ({','.join('?' * len(columns))})"
started = time.perf_counter()
connection.execute("begin")
connection.executemany(insert, rows)
connection.execute("commit")
print(time.perf_counter() - started)
