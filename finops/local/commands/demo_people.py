"""Who plays a part in `finops demo`, each with a sign-in of their own."""

from finops.local import sign_in
from finops.local.api import Api
from finops.local.installation import Installation
from finops.local.sample.chart import address

SECOND_ADMIN = "Judith Berger"


class Company:
    """The API as people of the company ask it; who asked once stays signed in."""

    def __init__(self, place: Installation) -> None:
        self._place = place
        self._known: dict[str, Api] = {}

    @property
    def admin(self) -> Api:
        """The financial admin who is there from the start."""
        return self._as(sign_in.FINANCIAL_ADMIN)

    @property
    def engineer(self) -> Api:
        """The cloud engineer who is there from the start."""
        return self._as(sign_in.CLOUD_ENGINEER)

    @property
    def second_admin(self) -> Api:
        return self.api(SECOND_ADMIN)

    def api(self, name: str) -> Api:
        """As somebody by their name."""
        return self._as(address(name))

    def signed_in(self, email: str) -> Api:
        """As somebody by their address."""
        return self._as(email)

    def _as(self, email: str) -> Api:
        return self._known.setdefault(email, Api(self._place, email))
