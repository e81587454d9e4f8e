// Buttons that copy a command. Without this file, or without a clipboard for pages, they stay hidden.

for (const button of navigator.clipboard ? document.querySelectorAll("[data-copy]") : []) {
  const command = document.getElementById(button.dataset.copy);
  const status = button.nextElementSibling;
  button.parentElement.hidden = false;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(command); // If the browser refuses to copy, Ctrl+C does.
    await navigator.clipboard.writeText(command.textContent);
    status.textContent = status.dataset.done;
  });
}
