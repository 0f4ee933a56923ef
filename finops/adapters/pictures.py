"""Plots as PNG, for mails: what shows them shows no SVG. The letters come with the product."""

from importlib.resources import files

FONTS = ("SourceSansPro-Regular.ttf", "SourceSansPro-Bold.ttf")
SHARP = 2  # pixels for each one of the plot: screens are finer than they say


class ResvgPictures:
    """`finops.usecases.ports.Pictures`."""

    def png(self, svg: str) -> bytes:
        import resvg_py

        place = files("font_source_sans_pro") / "files"
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg,
                zoom=SHARP,
                skip_system_fonts=True,
                font_files=[str(place / font) for font in FONTS],
            )
        )
