"""The report of a grid: tables, figures and findings from the results in a folder of runs.

It needs the extra `report`. Tables come as Markdown, CSV and LaTeX, figures as SVG and PNG. The same results
give the same bytes.
"""

from .write import GoldTags, Known, ReportWritten, write_report

__all__ = ["GoldTags", "Known", "ReportWritten", "write_report"]
