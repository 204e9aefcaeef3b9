"""A guest book over HTTP, kept in SQLite."""

import os
import sqlite3
from contextlib import closing

from flask import Flask, jsonify, request


def create_app(path: str) -> Flask:
    """Makes the application with its table in the file `path`."""
    app = Flask(__name__)

    def connect() -> closing:
        return closing(sqlite3.connect(path))

    with connect() as database:
        database.execute("CREATE TABLE IF NOT EXISTS guests (name TEXT NOT NULL)")
        database.commit()

    @app.get("/health")
    def health() -> str:
        return "ok\n"

    @app.get("/guests")
    def guests():
        with connect() as database:
            rows = database.execute("SELECT name FROM guests ORDER BY rowid").fetchall()
        return jsonify([name for (name,) in rows])

    @app.post("/guests")
    def come():
        with connect() as database:
            database.execute("INSERT INTO guests VALUES (?)", (request.get_data(as_text=True),))
            database.commit()
        return "", 201

    return app


app = create_app(os.environ["GUESTBOOK_FILE"]) if "GUESTBOOK_FILE" in os.environ else None
