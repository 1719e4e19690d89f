"""What is put right in a built book."""

from busilib.publish.finish import ICON_SCRIPT, fewer_icons, finish

SCRIPT = (
    'var a={"file-pdf":[512,512,[],"f1c1","M0 64C0"],sun:[512,512,[9728],"f185","M361"],'
    '"magnifying-glass":[512,512,[128269,"search"],"f002",["M1","M2"]],house:[1,1,["home"],"f015","M5"]};run(a)'
)


def test_only_icons_that_are_named_stay():
    found = fewer_icons(SCRIPT, ['<i class="fa-solid fa-sun fa-lg">', "icon('fa-search')"])
    assert found == (
        'var a={sun:[512,512,[9728],"f185","M361"],'
        '"magnifying-glass":[512,512,[128269,"search"],"f002",["M1","M2"]],};run(a)'
    )
    assert fewer_icons(SCRIPT, ["fa-file-pdf fa-sun fa-magnifying-glass fa-home"]) == SCRIPT


def test_links_to_notebooks_lead_to_their_pages(tmp_path):
    (tmp_path / "notebooks").mkdir()
    for name in ("01_a.html", "03_c.ipynb", "03_c.html"):
        (tmp_path / "notebooks" / name).write_text("", "utf-8")
    page = tmp_path / "notebooks" / "02_b.html"
    links = '<a href="01_a.ipynb#top">a</a><a href="03_c.ipynb">c</a><a href="04_d.ipynb">d</a>'
    page.write_text(links, "utf-8")
    finish(tmp_path)
    assert page.read_text("utf-8") == links.replace("01_a.ipynb", "01_a.html")


def test_pages_are_mended_in_place(tmp_path):
    (tmp_path / ICON_SCRIPT).parent.mkdir(parents=True)
    (tmp_path / ICON_SCRIPT).write_text(SCRIPT, encoding="utf-8")
    (tmp_path / ICON_SCRIPT).with_suffix(".js.map").write_text("{}", encoding="utf-8")
    (tmp_path / "_static" / "theme.js").write_text("add('fa-house')", encoding="utf-8")
    page = tmp_path / "a.html"
    page.write_text('<i class="fa-sun"></i><div class="citation" role="doc-biblioentry">é</div>', "utf-8")
    finish(tmp_path)
    assert page.read_text("utf-8") == '<i class="fa-sun"></i><div class="citation" role="listitem">é</div>'
    script = (tmp_path / ICON_SCRIPT).read_text("utf-8")
    assert "sun" in script and "house" in script and "file-pdf" not in script
    assert not (tmp_path / ICON_SCRIPT).with_suffix(".js.map").exists()
