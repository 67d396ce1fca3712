"""The shortest path from a recorded call to a table: what the customer expressed, and why.

python examples/analyze_call.py [RECORDING [TRANSCRIPT]]
"""

import sys
from pathlib import Path

from convemo import Analyzer

HERE = Path(__file__).parent


def main(recording: Path, transcript: Path | None) -> None:
    analysis = Analyzer(offline=True).analyze(recording, transcript=transcript)
    for u in analysis:
        if u.role == "customer" and u.label is not None:
            doubt = "" if not u.abstained else "?"
            print(f"{u.start:6.1f} s  {u.label + doubt:10} {u.confidence:.2f}  {u.text or '(no words)'}")
    for speaker, moments in analysis.trajectories.items():
        worst = max(moments, key=lambda moment: moment.negative)
        print(f"{speaker}: most negative around {worst.start:.0f} s ({worst.negative:.2f}), {moments[-1].negative:.2f} in the end")


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    bundled = [HERE / "support_call.flac", HERE / "support_call.vtt"]
    recording, transcript = (*(given or bundled), None)[:2]
    main(recording, transcript)
