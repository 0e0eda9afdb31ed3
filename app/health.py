"""For load balancers and supervisors: what answers."""

from flask import Blueprint, Response, jsonify
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.services import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> tuple[Response, int]:
    """200 while the database answers; Redis away is told, but the portal still serves honest pages."""
    database, redis = _database(), _redis()
    return jsonify(database=database, redis=redis), 200 if database else 503


def _database() -> bool:
    try:
        db.session.execute(select(1))
    except SQLAlchemyError:
        return False
    return True


def _redis() -> bool:
    try:
        return bool(services().redis.ping())
    except RedisError:
        return False
