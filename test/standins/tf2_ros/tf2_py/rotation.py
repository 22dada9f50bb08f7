"""Rigid transforms as a translation (x, y, z) and a unit quaternion (x, y, z, w), in plain floats."""

from __future__ import annotations

import math

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
Rigid = tuple[Vector, Quaternion]

IDENTITY: Rigid = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def rotate(rotation: Quaternion, vector: Vector) -> Vector:
    """Return the vector turned by the rotation."""
    product = multiply(multiply(rotation, (*vector, 0.0)), conjugate(rotation))
    return product[:3]


def multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    """Return the rotation that does `b` first, then `a`."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def conjugate(rotation: Quaternion) -> Quaternion:
    """Return the rotation back."""
    x, y, z, w = rotation
    return (-x, -y, -z, w)


def compose(a: Rigid, b: Rigid) -> Rigid:
    """Return the transform that does `b` first, then `a`."""
    x, y, z = rotate(a[1], b[0])
    return (a[0][0] + x, a[0][1] + y, a[0][2] + z), multiply(a[1], b[1])


def inverse(transform: Rigid) -> Rigid:
    """Return the transform back."""
    back = conjugate(transform[1])
    x, y, z = rotate(back, transform[0])
    return (-x, -y, -z), back


def interpolate(a: Rigid, b: Rigid, share: float) -> Rigid:
    """Return the transform that is `share` of the way from `a` to `b`: linear, and slerp."""
    x, y, z = (p + share * (q - p) for p, q in zip(a[0], b[0], strict=True))
    return (x, y, z), slerp(a[1], b[1], share)


def slerp(a: Quaternion, b: Quaternion, share: float) -> Quaternion:
    """Return the rotation on the shorter arc between two, at even speed."""
    dot = sum(p * q for p, q in zip(a, b, strict=True))
    angle = math.acos(min(abs(dot), 1.0))
    if angle < 1e-9:
        return a
    first, second = math.sin((1 - share) * angle), math.copysign(math.sin(share * angle), dot)
    x, y, z, w = ((first * p + second * q) / math.sin(angle) for p, q in zip(a, b, strict=True))
    return (x, y, z, w)
