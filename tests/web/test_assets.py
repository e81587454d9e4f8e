import hashlib

import pytest
from flask.testing import FlaskClient

from tests.client import form_page


def test_every_file_that_a_page_names_has_the_digest_of_its_content_in_its_address(client: FlaskClient) -> None:
    page = form_page(client)
    named = page.files()
    assert len(named) == 4
    for one in named:
        with client.get(one) as response:
            assert response.status_code == 200
            assert one.endswith(f"?v={hashlib.sha256(response.data).hexdigest()[:12]}")
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("query", ["", "?v=0123456789ab"], ids=["none", "of another release"])
def test_a_file_without_its_digest_in_the_address_is_not_kept(client: FlaskClient, query: str) -> None:
    with client.get(f"/static/heartapp.css{query}") as response:
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-cache"
