"""The metadata entries that two ends of phee exchange beside the protocol.

Other clients neither send nor read them; a gateway that is not ours ignores them, which is why
the client asks for :data:`GATEWAY_KEY` before it relies on any.
"""

REQUEST_ID_KEY = "phee-request-id"
"""With :data:`REQUEST_DIGEST_KEY` on a creation: create at most once ever."""

REQUEST_DIGEST_KEY = "phee-request-digest"

REPEATED_KEY = "phee-repeated"
"""On the answer of a creation: it was made before, this is the first answer again."""

POSITION_KEY = "phee-position"
"""On an answer: the record position a reader must have passed to see the effect."""

GATEWAY_KEY = "phee-gateway"
"""On the answer of Topology: this gateway is ours and honours the entries above."""
