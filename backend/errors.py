"""Errors of the backend.

BackendError
 +-- StoreError            the database can't be used
 |    +-- StoreClosedError the store ended before the work was durable; try again after the restart
 |    +-- SchemaError      the file's schema does not fit this program; a person must act
 +-- ListenError           an address can't be listened on: taken, forbidden or not of this machine
 +-- ApplyError            the file of settings to apply is wrong; nothing was changed
 +-- MailError             a letter can't be made or sent again; the text says why
 +-- LookError             the look of an operator's papers can't be used
 +-- InvoiceError          an invoice can't be cancelled, credited or issued by hand; nothing was changed
 +-- ReportError           a report can't be made or an import can't be used; the text says what to give instead
 +-- PaymentError          a payment can't be booked, collected or imported as asked; nothing was changed
 +-- DunningError          dunning can't be done, stopped or lifted as asked; nothing was changed
 +-- AccessError           a user, password or token can't be made or changed as asked; nothing was changed
 |    +-- TooManyError     somebody asks too often; wait
 +-- AlertError            rules of alerts can't be kept as given; nothing was changed
 +-- DeliveryError         a notice was not taken where it should go; try again later
 +-- CommandError          a command to a charge point was not carried out, as far as we know
      +-- NotConnectedError    the charge point is not connected
      +-- CommandTimeoutError  no answer in time; the charge point may have acted
      +-- CommandRefusedError  the charge point answered with an error
      +-- InvalidCommandError  the command breaks the specification and was not sent

Every text is one line that names what, where and what to try; it is shown to operators as it is.
"""


class BackendError(Exception):
    """Something of the backend failed."""


class StoreError(BackendError):
    """The database can't be used."""


class StoreClosedError(StoreError):
    """The store ended before the work was durable. It may have been stored or not."""


class SchemaError(StoreError):
    """The file's schema does not fit this program."""


class ListenError(BackendError):
    """An address can't be listened on."""


class ApplyError(BackendError):
    """The settings to apply are wrong. Nothing was changed."""


class MailError(BackendError):
    """A letter can't be made, or not be sent again. Nothing was changed."""


class InvoiceError(BackendError):
    """An invoice can't be cancelled, credited or issued by hand. Nothing was changed."""


class ReportError(BackendError):
    """A report can't be made, or an import can't be used. Nothing was changed."""


class PaymentError(BackendError):
    """A payment can't be booked, collected or imported as asked. Nothing was changed."""


class DunningError(BackendError):
    """Dunning can't be done, stopped or lifted as asked. Nothing was changed."""


class LookError(BackendError):
    """The look of an operator's papers can't be used. The text names the file and what to do."""


class AccessError(BackendError):
    """A user, password or token can't be made or changed as asked. Nothing was changed."""


class TooManyError(AccessError):
    """Somebody asks too often."""


class AlertError(BackendError):
    """Rules of alerts can't be kept as given. The text names the field."""


class DeliveryError(BackendError):
    """A notice was not taken where it should go. The text says why."""


class CommandError(BackendError):
    """A command to a charge point was not carried out, as far as we know."""


class NotConnectedError(CommandError):
    """The charge point is not connected, or the connection broke before its answer."""


class CommandTimeoutError(CommandError):
    """No answer in time. The charge point may have acted all the same."""


class CommandRefusedError(CommandError):
    """The charge point answered with an error, or with something that is no answer."""


class InvalidCommandError(CommandError):
    """The command breaks the specification and was not sent."""
