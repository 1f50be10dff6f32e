"""The review on a screen (Textual): the app, its dialogs, and what each pane shows."""
