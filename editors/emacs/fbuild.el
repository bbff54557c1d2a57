;;; fbuild.el --- Deploy firmware to ESP32-family boards  -*- lexical-binding: t; -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1") (eglot "1.9"))
;; Keywords: tools, hardware
;; SPDX-License-Identifier: MIT OR Apache-2.0

;;; Commentary:

;; The program is `fbuild-lsp', a language server, which Eglot starts.  It looks after the files that decide a
;; deploy, and its commands work in every buffer of the project; sources keep the server that they have.

;;; Code:

(require 'eglot)
(require 'cl-lib)

;;;###autoload
(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs '(conf-mode . ("fbuild-lsp"))))
;;;###autoload
(add-to-list 'auto-mode-alist '("/sdkconfig\\'" . conf-unix-mode))

(defvar fbuild-port nil
  "Port of the board, such as /dev/ttyUSB0; nil: the one that fbuild-lsp finds.")

(defun fbuild--server ()
  "The fbuild-lsp of the current project, started if need be."
  (let* ((files '("platformio.ini" "sdkconfig" "partitions.csv"))
         (in (lambda (dir)
               (cl-some (lambda (name)
                          (let ((file (expand-file-name name dir)))
                            (and (file-exists-p file) file)))
                        files)))
         (root (or (locate-dominating-file default-directory in)
                   (user-error "No project here: none of %s" files))))
    (with-current-buffer (find-file-noselect (funcall in root))
      (unless (derived-mode-p 'conf-mode) (conf-unix-mode))
      (let ((eglot-sync-connect t))
        (or (eglot-current-server) (call-interactively #'eglot)))
      (eglot-current-server))))

(defun fbuild--run (command argument)
  "Run COMMAND of fbuild-lsp with the plist ARGUMENT, and tell how it ended."
  (let ((port (and fbuild-port (list :port fbuild-port))))
    (jsonrpc-async-request
     (fbuild--server) :workspace/executeCommand
     (list :command (concat "fbuild.server." command)
           :arguments (vector (append argument port (list :uri (expand-file-name default-directory)))))
     :timeout 3600
     :success-fn (lambda (outcome) (message "%s" (plist-get outcome :message)))
     :error-fn (lambda (err) (message "fbuild: %s" (plist-get err :message))))))

;;;###autoload
(defun fbuild-deploy (full)
  "Put the firmware onto the board; with a prefix argument, write everything."
  (interactive "P")
  (message "deploying...")
  (fbuild--run "deploy" (and full '(:mode "full"))))

;;;###autoload
(defun fbuild-verify ()
  "Compare the board with the firmware; write nothing."
  (interactive)
  (fbuild--run "verify" nil))

;;;###autoload
(defun fbuild-cancel ()
  "Stop what is running."
  (interactive)
  (jsonrpc-async-request
   (fbuild--server) :workspace/executeCommand
   (list :command "fbuild.server.cancel" :arguments [])
   :success-fn #'ignore))

(provide 'fbuild)
;;; fbuild.el ends here
