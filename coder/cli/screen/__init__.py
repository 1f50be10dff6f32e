"""Review and adjudication on a screen (Textual): the apps, their dialogs and what panes show."""
