import os
import tempfile
import unittest

from guestbook import create_app


class GuestbookTest(unittest.TestCase):
    def test_guests_are_kept_in_order(self):
        with tempfile.TemporaryDirectory() as folder:
            client = create_app(os.path.join(folder, "guests.db")).test_client()
            for name in ("Ada", "Grace"):
                self.assertEqual(client.post("/guests", data=name).status_code, 201)
            self.assertEqual(client.get("/guests").json, ["Ada", "Grace"])
