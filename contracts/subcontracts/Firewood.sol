// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Signed} from "../Signed.sol";
import {ICharter, Limit, Module, SubcontractState} from "../interfaces/ICharter.sol";
import {IDocket} from "../interfaces/IDocket.sol";
import {Cause, Debit, ILedger, Kind, Means, Outcome} from "../interfaces/ILedger.sol";
import {IMandates} from "../interfaces/IMandates.sol";
import {IRoster} from "../interfaces/IRoster.sol";
import {ISubcontract} from "../interfaces/ISubcontract.sol";
import {Words} from "../libraries/Words.sol";
import {Calendar} from "../types/Calendar.sol";
import {AccountId, Accounts, Epoch, MemberId, StreamId, SubcontractId} from "../types/Ids.sol";
import {FirewoodTerms, IFirewood, WoodEnd, WoodLine, WoodMoney, WoodPeriod} from "./IFirewood.sol";
import {Wood} from "./Wood.sol";

/// @title Firewood (R8)
/// @notice One provider's wood, paid by the week at a price that rises with the payer's means.
/// @dev POWERS. None of its own: what it asks of the ledger is bounded by each payer's mandate (R1.2).
/// ORDER. Means are read before any money moves; then the true-up of a period that closed, charges by member, the shrinkage
/// reserve, provider and warmth; then wood nobody took: reserve, all signers but the provider in equal parts,
/// provider. When the subcontract is over, the last true-up, and what the pots still hold to those signers.
/// READINGS. A line contested is left out whole, also of the period's sums. A line of a non-signer moves nothing and
/// is in no sum. A payer who declared no band is in band 0, as one who declares it; the floor holds for both.
/// UNITS. Grams, units of H, bps.
contract Firewood is IFirewood, Signed {
    /* CONSTANTS */

    uint256 private constant MOST_LINES = 150; // N of R0
    uint256 private constant HEAD = 40; // itemised root 32, unattributed pieces 4 and grams 4
    uint256 private constant LINE = 8; // member 2, pieces 2, grams 4
    uint256 private constant DECLARE_EVERY = 30 days;
    uint64 private constant MOST_PRICE = 1e12;
    uint16 private constant MOST_SHRINKAGE = 1000;
    uint16 private constant MINIMUM_SIGNERS = 2;
    /// @dev Signers one call of `close` pays, so that it fits into one transaction whatever they owe.
    uint256 private constant CLOSED_AT_ONCE = 50;

    uint8 private constant SHRINKAGE_SLOT = 0;
    uint8 private constant WARMTH_SLOT = 1;

    bytes32 private constant BAND_TYPEHASH = keccak256(
        "DeclareBand(string deed,uint16 subcontract,uint8 band,string monthlyMeansFrom,uint256 nonce,uint64 deadlineUnixSeconds)"
    );
    bytes32 private constant BAND_DEED =
        keccak256("I declare my monthly means; they set what I pay for wood.");

    /* IMMUTABLES */

    ICharter private immutable _CHARTER;
    IRoster private immutable _ROSTER;
    ILedger private immutable _LEDGER;
    IMandates private immutable _MANDATES;
    IDocket private immutable _DOCKET;
    SubcontractId private immutable _ID;
    int32 private immutable _TZ;

    StreamId private immutable _STREAM;
    MemberId private immutable _PROVIDER;
    uint64 private immutable _PRICE;
    uint32 private immutable _REF_GRAMS;
    uint16 private immutable _SHRINKAGE_BPS;
    uint256 private immutable _MULTIPLES; // 8 of 32 bits, band 0 lowest
    uint256 private immutable _BOUNDS_LOW; // 4 of 64 bits: bands 0 to 3
    uint256 private immutable _BOUNDS_HIGH; // bands 4 to 7

    /* STORAGE */

    /// @dev The three newest declarations and from when each holds, in one word that a settlement reads per line. A report
    /// settles at most 52 days after its epoch began (R7.10), and declarations are 30 days apart: three reach back far
    /// enough.
    struct Declarations {
        uint8 newest;
        uint40 newestFrom;
        uint8 second;
        uint40 secondFrom;
        uint8 third;
        uint40 thirdFrom;
        uint40 declaredAt; // when the newest was made; 0 for none
    }

    mapping(MemberId => Declarations) private _declarations;
    WoodPeriod private _period;

    /// @dev Who shares in what is left in the end: the sharers of the settlement that came last, one bit each by 256
    /// members, so that a week keeps one word. Kept here, as anyone may have a mandate forgotten that nothing can use.
    mapping(uint256 word => uint256 bits) private _sharers;

    /* CONSTRUCTOR */

    constructor(ICharter charter, SubcontractId id, bytes memory encoded) {
        FirewoodTerms memory agreed = abi.decode(encoded, (FirewoodTerms));
        _checkRange("price", agreed.price, 1, MOST_PRICE);
        _checkRange("reference grams", agreed.refGrams, 1, type(uint32).max);
        _checkRange("stream", StreamId.unwrap(agreed.stream), 1, type(uint16).max);
        _checkRange("shrinkage", agreed.shrinkageBps, 0, MOST_SHRINKAGE);
        _checkRange("first bound", agreed.bounds[0], 0, 0);
        IRoster roster = IRoster(charter.module(Module.Roster));
        uint256 last = MemberId.unwrap(roster.lastMember());
        _checkRange("provider", MemberId.unwrap(agreed.provider), 1, last);

        uint256 multiples = agreed.multiples[0];
        uint256 low;
        uint256 high;
        uint256 highest = charter.limit(Limit.HighestMultipleBps);
        for (uint256 i = 1; i < Wood.BANDS; ++i) {
            uint256 bound = agreed.bounds[i];
            _checkRange("bound", bound, uint256(agreed.bounds[i - 1]) + 1, type(uint64).max);
            _checkRange("multiple", agreed.multiples[i], agreed.multiples[i - 1], highest);
            multiples |= uint256(agreed.multiples[i]) << (32 * i);
            if (i < 4) low |= bound << (64 * i);
            else high |= bound << (64 * (i - 4));
        }

        _CHARTER = charter;
        _ROSTER = roster;
        _LEDGER = ILedger(charter.module(Module.Ledger));
        _MANDATES = IMandates(charter.module(Module.Mandates));
        _DOCKET = IDocket(charter.module(Module.Docket));
        _ID = id;
        _TZ = charter.tz();
        _STREAM = agreed.stream;
        _PROVIDER = agreed.provider;
        _PRICE = agreed.price;
        _REF_GRAMS = agreed.refGrams;
        _SHRINKAGE_BPS = agreed.shrinkageBps;
        _MULTIPLES = multiples;
        _BOUNDS_LOW = low;
        _BOUNDS_HIGH = high;
    }

    function _checkRange(string memory what, uint256 given, uint256 least, uint256 most) private pure {
        if (given < least || given > most) revert TermsOutOfRange(what, given, least, most);
    }

    /* BANDS (R8) */

    /// @inheritdoc ISubcontract
    function founderJoined(MemberId member, uint8 band) external {
        if (msg.sender != address(_CHARTER)) revert NotTheCharter(msg.sender);
        _declare(member, band, 0);
    }

    /// @inheritdoc IFirewood
    function declareBand(uint8 band) external {
        MemberId member = _ROSTER.memberOf(msg.sender);
        if (!_ROSTER.isMember(member)) revert NotAMember(msg.sender);
        _declareLater(member, band);
    }

    /// @inheritdoc IFirewood
    function declareBandBySig(
        MemberId member,
        uint8 band,
        uint256 nonce,
        uint64 deadline,
        bytes calldata signature
    ) external {
        _checkRange("band", band, 0, Wood.BANDS - 1);
        address key = _ROSTER.keyOf(member);
        if (!_ROSTER.isMember(member)) revert NotAMember(key);
        bytes32 structHash = keccak256(
            abi.encode(
                BAND_TYPEHASH,
                BAND_DEED,
                _ID,
                band,
                keccak256(bytes(Words.money(_bounds()[band]))),
                nonce,
                deadline
            )
        );
        _takeSignature(key, structHash, nonce, deadline, signature);
        _declareLater(member, band);
    }

    function _declareLater(MemberId member, uint8 band) private {
        uint40 declared = _declarations[member].declaredAt;
        if (declared != 0 && block.timestamp < declared + DECLARE_EVERY) {
            revert BandTooSoon(member, block.timestamp, declared + DECLARE_EVERY);
        }
        uint256 tomorrow = Calendar.dayBegin(Calendar.day(block.timestamp, _TZ) + 1, _TZ);
        // Unix seconds of any real chain fit into 40 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        _declare(member, band, uint40(tomorrow));
    }

    function _declare(MemberId member, uint8 band, uint40 from) private {
        _checkRange("band", band, 0, Wood.BANDS - 1);

        Declarations memory kept = _declarations[member];
        _declarations[member] = Declarations(
            band, from, kept.newest, kept.newestFrom, kept.second, kept.secondFrom, uint40(block.timestamp)
        );

        emit BandDeclared(member, band, from);
    }

    /* SETTLEMENT (R8) */

    /// @dev What one settlement works with, kept in memory.
    struct Work {
        Epoch epoch;
        uint40 begin;
        MemberId[] frozen;
        MemberId[] signers;
        MemberId[] sharers; // signers but the provider
        WoodMoney money;
    }

    /// @inheritdoc ISubcontract
    function settle(StreamId stream, Epoch epoch, bytes calldata payload) external {
        if (msg.sender != address(_DOCKET)) revert NotTheDocket(msg.sender);
        if (stream != _STREAM) revert StreamUnknown(stream, _STREAM);

        Work memory work;
        work.epoch = epoch;
        (work.begin, work.frozen) = _DOCKET.settling(_ID, stream, epoch);
        work.signers = _MANDATES.signersAt(_ID, work.begin);
        work.sharers = _sharersAmong(work.signers);
        WoodLine[] memory lines = _read(payload, work);
        uint8[] memory bands = _bands(lines, work.begin);

        WoodPeriod memory sums = _openPeriod(work.money);
        _settleLines(lines, bands, work, sums);
        _settleUnattributed(payload, work);
        _period = sums;
        _keepSharers(work.sharers);

        emit WoodSettled(epoch, sums.number, work.money);
    }

    function _sharersAmong(MemberId[] memory signers) private view returns (MemberId[] memory sharers) {
        sharers = new MemberId[](signers.length);
        uint256 count;
        for (uint256 i; i < signers.length; ++i) {
            if (signers[i] != _PROVIDER) sharers[count++] = signers[i];
        }
        // The list only shrinks, as in `_read`.
        assembly ("memory-safe") {
            mstore(sharers, count)
        }
    }

    /// @dev Reads the lines that may be charged. A malformed payload reverts whole: the report stays final, and lapses.
    function _read(bytes calldata payload, Work memory work) private returns (WoodLine[] memory lines) {
        if (payload.length < HEAD || (payload.length - HEAD) % LINE != 0) {
            revert PayloadLength(payload.length);
        }
        uint256 count = (payload.length - HEAD) / LINE;
        if (count > MOST_LINES) revert TooManyLines(count, MOST_LINES);

        lines = new WoodLine[](count);
        uint256 kept;
        uint256 signer;
        MemberId before = MemberId.wrap(0);
        for (uint256 i; i < count; ++i) {
            uint64 word = uint64(bytes8(payload[HEAD + i * LINE:]));
            // The word's fields, shifted to the low bits before they are narrowed.
            // forge-lint: disable-start(unsafe-typecast)
            MemberId member = MemberId.wrap(uint16(word >> 48));
            WoodLine memory line = WoodLine(member, uint16(word >> 32), uint32(word));
            // forge-lint: disable-end(unsafe-typecast)
            if (MemberId.unwrap(member) <= MemberId.unwrap(before)) revert LineOutOfOrder(member, before);
            before = member;

            // Both lists ascend, so one walk finds each signer.
            while (
                signer < work.signers.length
                    && MemberId.unwrap(work.signers[signer]) < MemberId.unwrap(member)
            ) ++signer;
            bool signed = signer < work.signers.length && work.signers[signer] == member;
            if (!signed && member != _PROVIDER) {
                emit LineUnsigned(work.epoch, member, line.pieces, line.grams);
            } else if (!_isFrozen(member, work.frozen)) {
                lines[kept++] = line;
            }
        }
        // The list only shrinks: what was allocated for skipped lines is left behind it.
        assembly ("memory-safe") {
            mstore(lines, kept)
        }
    }

    function _isFrozen(MemberId member, MemberId[] memory frozen) private pure returns (bool) {
        for (uint256 i; i < frozen.length; ++i) {
            if (frozen[i] == member) return true;
        }
        return false;
    }

    /// @dev Reads means and declarations, before any money moves.
    function _bands(WoodLine[] memory lines, uint40 begin) private view returns (uint8[] memory bands) {
        MemberId[] memory members = new MemberId[](lines.length);
        for (uint256 i; i < lines.length; ++i) {
            members[i] = lines[i].member;
        }
        Means[] memory means = _LEDGER.means(members, _ID);
        uint64[8] memory bounds = _bounds();
        bands = new uint8[](lines.length);
        for (uint256 i; i < lines.length; ++i) {
            uint8 least = Wood.floorBand(means[i].inflow90, means[i].purse90, bounds);
            uint8 declared = declaredAt(members[i], begin);
            bands[i] = declared > least ? declared : least;
        }
    }

    /// @dev Opens the period of settlement; where an earlier one was open, its true-up is paid from the warmth pot while
    /// that lasts, once.
    function _openPeriod(WoodMoney memory money) private returns (WoodPeriod memory sums) {
        sums = _period;
        uint256 number = Calendar.period(block.timestamp, _CHARTER.t0());
        if (number <= sums.number) return sums;

        money.trueUp = _trueUp(sums);
        sums = WoodPeriod(SafeCast.toUint32(number), 0, 0, 0, 0);
    }

    function _trueUp(WoodPeriod memory closed) private returns (uint64 paid) {
        uint256 due = Wood.providerDue(closed.worth, closed.charges, closed.collected);
        // What was received is at most the first part of what is due: eleven tenths only grow within a period.
        uint256 rest = Math.min(due - closed.received, _LEDGER.potBalance(_pot(WARMTH_SLOT)));
        paid = SafeCast.toUint64(rest);
        _pay(WARMTH_SLOT, Accounts.ofMember(_PROVIDER), paid, Kind.Trade);
    }

    function _settleLines(
        WoodLine[] memory lines,
        uint8[] memory bands,
        Work memory work,
        WoodPeriod memory sums
    ) private {
        uint256 highest = _CHARTER.limit(Limit.HighestMultipleBps);
        Debit[] memory debits = new Debit[](lines.length);
        uint256 count;
        for (uint256 i; i < lines.length; ++i) {
            WoodLine memory line = lines[i];
            uint256 grams = Wood.counted(line.pieces, line.grams, _REF_GRAMS);
            uint64 amount;
            if (line.member != _PROVIDER) {
                // A table signed before the limit was tightened gives way to it (R3).
                uint256 multiple = Math.min(_multiple(bands[i]), highest);
                uint256 charge = Wood.charge(_PRICE, multiple, grams, _REF_GRAMS);
                sums.worth += SafeCast.toUint112(Wood.worth(_PRICE, grams, _REF_GRAMS));
                sums.charges += SafeCast.toUint112(charge);
                // What does not fit is far above any cap, and would be extinguished (R1.3).
                amount = uint64(Math.min(charge, type(uint64).max));
                uint16 number = MemberId.unwrap(line.member);
                if (amount != 0) debits[count++] = Debit(line.member, number, amount);
            }
            // The payload's own 32 bits of grams, or something smaller; see `Wood.counted`.
            // forge-lint: disable-next-line(unsafe-typecast)
            emit LineSettled(work.epoch, line.member, bands[i], uint32(grams), amount);
        }

        uint256 paid = _collect(debits, count, Kind.Charge, work.epoch);
        uint256 kept = paid * _SHRINKAGE_BPS / Wood.BPS;
        uint256 rest = paid - kept;
        // Sums of amounts of 64 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        sums.collected += uint128(rest);
        uint256 toProvider = Math.min(rest, Math.saturatingSub(Wood.providerMost(sums.worth), sums.received));
        // Sums of amounts of 64 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        sums.received += uint128(toProvider);

        // Parts of what the ledger paid, each below 2^64 as its total is.
        work.money.toShrinkage = SafeCast.toUint64(kept);
        work.money.toProvider = SafeCast.toUint64(toProvider);
        work.money.toWarmth = SafeCast.toUint64(rest - toProvider);
        _pay(SHRINKAGE_SLOT, Accounts.ofMember(_PROVIDER), work.money.toProvider, Kind.Trade);
        _pay(SHRINKAGE_SLOT, _pot(WARMTH_SLOT), work.money.toWarmth, Kind.Pay);
    }

    /// @dev Wood nobody took (R7.8): the reserve, then every signer but the provider in equal parts, then the provider.
    function _settleUnattributed(bytes calldata payload, Work memory work) private {
        uint256 pieces = uint32(bytes4(payload[32:36]));
        uint256 grams = Wood.counted(pieces, uint32(bytes4(payload[36:40])), _REF_GRAMS);
        uint256 cost = Math.min(Wood.worth(_PRICE, grams, _REF_GRAMS), type(uint64).max);
        if (cost == 0) return;
        WoodMoney memory money = work.money;
        // Bounded to 64 bits where it is made.
        // forge-lint: disable-next-line(unsafe-typecast)
        money.unattributed = uint64(cost);
        money.fromReserve = uint64(Math.min(cost, _LEDGER.potBalance(_pot(SHRINKAGE_SLOT))));

        uint256 rest = cost - money.fromReserve;
        MemberId[] memory sharers = work.sharers;
        Debit[] memory debits = new Debit[](sharers.length);
        uint256 count; // parts of nothing are not asked for; those before them are not nothing
        while (count < sharers.length) {
            uint256 part = Wood.part(rest, sharers.length, count);
            if (part == 0) break;
            // A part of `cost`, which fits.
            // forge-lint: disable-next-line(unsafe-typecast)
            debits[count] = Debit(sharers[count], 0, uint64(part));
            ++count;
        }

        money.shared = SafeCast.toUint64(_collect(debits, count, Kind.Shared, work.epoch));
        // forge-lint: disable-next-line(unsafe-typecast)
        money.borneByProvider = uint64(rest - money.shared);
        uint64 toProvider = money.fromReserve + money.shared;
        _pay(SHRINKAGE_SLOT, Accounts.ofMember(_PROVIDER), toProvider, Kind.Trade);
    }

    /// @dev Collects the first `count` debits into the shrinkage reserve; arrears are owed to the provider.
    function _collect(Debit[] memory debits, uint256 count, Kind kind, Epoch epoch)
        private
        returns (uint256 paid)
    {
        if (count == 0) return 0;
        // The list only shrinks, as in `_read`.
        assembly ("memory-safe") {
            mstore(debits, count)
        }
        Outcome[] memory outcomes = _LEDGER.collect(
            Cause(_STREAM, epoch, kind), _pot(SHRINKAGE_SLOT), Accounts.ofMember(_PROVIDER), debits
        );
        for (uint256 i; i < count; ++i) {
            paid += outcomes[i].paid;
        }
    }

    function _pay(uint8 slot, AccountId to, uint64 amount, Kind kind) private {
        if (amount != 0) _LEDGER.pay(slot, to, amount, kind);
    }

    function _pot(uint8 slot) private view returns (AccountId) {
        return Accounts.ofPot(_ID, slot);
    }

    function _multiple(uint256 band) private view returns (uint256) {
        // The band's own 32 bits, shifted to the low end.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint32(_MULTIPLES >> (32 * band));
    }

    function _bounds() private view returns (uint64[8] memory bounds) {
        for (uint256 i; i < Wood.BANDS; ++i) {
            bounds[i] = uint64((i < 4 ? _BOUNDS_LOW : _BOUNDS_HIGH) >> (64 * (i % 4)));
        }
    }

    /* THE END (R8) */

    /// @inheritdoc IFirewood
    /// @dev From the highest id down, each an equal part of what is left, rounded down: so dust goes to the lowest (R0).
    function close() external {
        SubcontractState state = _CHARTER.stateOf(_ID);
        uint40 oldestOpen = _DOCKET.oldestOpen(_ID);
        if (state != SubcontractState.Sunset || oldestOpen != 0) revert NotOver(state, oldestOpen);

        WoodEnd memory end;
        end.trueUp = _trueUp(_period);
        delete _period;
        _pay(WARMTH_SLOT, _pot(SHRINKAGE_SLOT), _LEDGER.potBalance(_pot(WARMTH_SLOT)), Kind.Pay);

        uint64 rest = _LEDGER.potBalance(_pot(SHRINKAGE_SLOT));
        if (end.trueUp == 0 && rest == 0) revert NothingLeft();
        MemberId[] memory sharers = _keptSharers();
        uint256 left = sharers.length;
        if (left == 0) {
            end.toCare = rest;
            _pay(SHRINKAGE_SLOT, Accounts.CARE, rest, Kind.Pay);
        } else {
            for (uint256 i; i < CLOSED_AT_ONCE && left != 0 && rest != 0; ++i) {
                // No more than the whole.
                // forge-lint: disable-next-line(unsafe-typecast)
                uint64 part = uint64(rest / left);
                MemberId member = sharers[--left];
                uint256 number = MemberId.unwrap(member);
                _sharers[number >> 8] ^= 1 << (number & 0xff);
                _pay(SHRINKAGE_SLOT, Accounts.ofMember(member), part, Kind.Rebate);
                end.toSigners += part;
                rest -= part;
            }
            end.left = rest;
        }

        emit WoodClosed(end);
    }

    /// @param sharers ascending.
    function _keepSharers(MemberId[] memory sharers) private {
        uint256 words = (MemberId.unwrap(_ROSTER.lastMember()) >> 8) + 1;
        uint256 next;
        for (uint256 word; word < words; ++word) {
            uint256 bits;
            for (; next < sharers.length && MemberId.unwrap(sharers[next]) >> 8 == word; ++next) {
                bits |= 1 << (MemberId.unwrap(sharers[next]) & 0xff);
            }
            _sharers[word] = bits;
        }
    }

    function _keptSharers() private view returns (MemberId[] memory sharers) {
        uint256 last = MemberId.unwrap(_ROSTER.lastMember());
        sharers = new MemberId[](last);
        uint256 count;
        for (uint256 word; word <= last >> 8; ++word) {
            uint256 bits = _sharers[word];
            for (uint256 number = word << 8; bits != 0; ++number) {
                // A word of 256 numbers that begin below 2^16.
                // forge-lint: disable-next-line(unsafe-typecast)
                if (bits & 1 != 0) sharers[count++] = MemberId.wrap(uint16(number));
                bits >>= 1;
            }
        }
        // The list only shrinks, as in `_read`.
        assembly ("memory-safe") {
            mstore(sharers, count)
        }
    }

    /* VIEWS */

    /// @inheritdoc ISubcontract
    function kinds() external pure returns (uint16) {
        return uint16(
            1 << uint8(Kind.Pay) | 1 << uint8(Kind.Trade) | 1 << uint8(Kind.Rebate) | 1 << uint8(Kind.Charge)
                | 1 << uint8(Kind.Shared)
        );
    }

    /// @inheritdoc ISubcontract
    function pots() external pure returns (uint8) {
        return 2;
    }

    /// @inheritdoc ISubcontract
    function minimumSigners() external pure returns (uint16) {
        return MINIMUM_SIGNERS;
    }

    /// @inheritdoc ISubcontract
    function settlesOn(StreamId stream) external view returns (bool) {
        return stream == _STREAM;
    }

    /// @inheritdoc IFirewood
    function terms() external view returns (FirewoodTerms memory agreed) {
        agreed.stream = _STREAM;
        agreed.provider = _PROVIDER;
        agreed.price = _PRICE;
        agreed.refGrams = _REF_GRAMS;
        agreed.bounds = _bounds();
        agreed.shrinkageBps = _SHRINKAGE_BPS;
        for (uint256 i; i < Wood.BANDS; ++i) {
            agreed.multiples[i] = uint32(_multiple(i));
        }
    }

    /// @inheritdoc IFirewood
    function declaredAt(MemberId member, uint40 begin) public view returns (uint8) {
        Declarations memory kept = _declarations[member];
        if (kept.declaredAt == 0) return 0;
        if (kept.newestFrom <= begin) return kept.newest;
        if (kept.secondFrom <= begin) return kept.second;
        return kept.thirdFrom <= begin ? kept.third : 0;
    }

    /// @inheritdoc IFirewood
    function bandAt(MemberId member, uint40 begin) external view returns (uint8) {
        WoodLine[] memory line = new WoodLine[](1);
        line[0].member = member;
        return _bands(line, begin)[0];
    }

    /// @inheritdoc IFirewood
    function period() external view returns (WoodPeriod memory) {
        return _period;
    }
}
